// How bad a share of errors is, as a class of the style sheet.

const FAILING = 0.05;
const SUSPECT = 0.01;

/** `failing`, `suspect` or `healthy`. */
export function severity(errorRatio: number): "failing" | "suspect" | "healthy" {
  if (errorRatio >= FAILING) return "failing";
  return errorRatio >= SUSPECT ? "suspect" : "healthy";
}
