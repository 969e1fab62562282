/** Returns the code of a system error, `EADDRINUSE`; empty for anything else. */
export const errorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : ''
