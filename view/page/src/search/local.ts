// Times as `<input type="datetime-local">` has them: in the reader's zone, without its name.

function two(value: number): string {
  return value.toString().padStart(2, "0");
}

/** The value for the field; empty without a time. */
export function toLocal(unixMilliseconds: number | null): string {
  if (unixMilliseconds === null) return "";
  const date = new Date(unixMilliseconds);
  if (Number.isNaN(date.getTime())) return "";
  const day = `${date.getFullYear().toString().padStart(4, "0")}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** The time in the field, in Unix milliseconds. */
export function fromLocal(text: string): number | null {
  const time = new Date(text).getTime();
  return text === "" || Number.isNaN(time) ? null : time;
}
