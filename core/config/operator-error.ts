/** Error in a configuration or a plugin that the operator has to mend. The host does not start. */
export class OperatorError extends Error {
  override readonly name: string = 'OperatorError'

  constructor(
    /** Stable code in `SCREAMING_SNAKE`. */
    readonly code: string,
    message: string,
    /** Sentence that tells the operator how to mend it; appended to the message. */
    readonly remedy?: string,
    options?: ErrorOptions,
  ) {
    super(remedy === undefined ? message : `${message} ${remedy}`, options)
  }
}
