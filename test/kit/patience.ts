/**
 * Milliseconds that a test waits for an event that must come, on however busy a machine. Says nothing about how fast
 * anything should be.
 */
export const PATIENCE_MS = 60_000
