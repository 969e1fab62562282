import type { Writable } from 'node:stream'

/**
 * Returns a function to call before each write to a stream. What is written until the event loop goes on is joined to one
 * write: one system call, and full TLS records, for a burst of small messages.
 */
export const joinedWrites = (stream: Writable): (() => void) => {
  let isHeld = false
  return () => {
    if (isHeld) return
    isHeld = true
    stream.cork()
    process.nextTick(() => {
      isHeld = false
      stream.uncork()
    })
  }
}
