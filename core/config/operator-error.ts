/** What is wrong with a configuration or a plugin, said to the operator who can mend it. The host does not start. */
export class OperatorError extends Error {
  override readonly name: string = 'OperatorError'

  constructor(
    /** Stable, `SCREAMING_SNAKE`. */
    readonly code: string,
    message: string,
    /** What to write or to do. */
    readonly remedy?: string,
    options?: ErrorOptions,
  ) {
    super(remedy === undefined ? message : `${message} ${remedy}`, options)
  }
}
