/** Something else happened than the model says. */
export class Deviation extends Error {}
