/** A result that differs from the model's prediction. */
export class Deviation extends Error {}
