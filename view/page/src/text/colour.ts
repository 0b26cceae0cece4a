// Which of the palette's colours a service has. It follows from the name, so that it is the same in every view and tomorrow;
// where two names of one page fall on one colour, the later takes the next of those that are used least.

export const COLOURS = 12;
/** Has no divisor in common with the number of colours, so that all of them come up. */
const STRIDE = 5;

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
  private readonly uses = new Array<number>(COLOURS).fill(0);

  /** Number of the colour of `name`. */
  of(name: string): number {
    const known = this.given.get(name);
    if (known !== undefined) return known;
    const least = Math.min(...this.uses);
    let colour = hash(name) % COLOURS;
    while (this.uses[colour] !== least) colour = (colour + STRIDE) % COLOURS;
    this.uses[colour] = least + 1;
    this.given.set(name, colour);
    return colour;
  }
}

const palette = new Palette();

/** Class that sets `--service` to the colour of a service. */
export function serviceClass(name: string): string {
  return `service-${palette.of(name)}`;
}
