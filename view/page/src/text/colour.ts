// Which of the palette's colours a service has. It follows from the name, so that it is the same in every view and tomorrow;
// where two names of one page fall on one colour, the later takes the next free one.

export const COLOURS = 12;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

function hash(name: string): number {
  let value = FNV_OFFSET;
  for (let i = 0; i < name.length; i++) {
    value = Math.imul(value ^ name.charCodeAt(i), FNV_PRIME);
  }
  return value >>> 0;
}

/** Gives colours to names. */
export class Palette {
  private readonly given = new Map<string, number>();

  /** Number of the colour of `name`. */
  of(name: string): number {
    const known = this.given.get(name);
    if (known !== undefined) return known;
    const used = new Set(this.given.values());
    let colour = hash(name) % COLOURS;
    for (let step = 0; step < COLOURS && used.has(colour); step++) {
      colour = (colour + 5) % COLOURS;
    }
    this.given.set(name, colour);
    return colour;
  }
}

const palette = new Palette();

/** Class that sets `--service` to the colour of a service. */
export function serviceClass(name: string): string {
  return `service-${palette.of(name)}`;
}
