/** Returns an error with a stable `code`, as errors of the operating system have. */
export const failure = (code: string, message: string, cause?: unknown): Error =>
  Object.assign(new Error(message, cause === undefined ? {} : { cause }), { code })
