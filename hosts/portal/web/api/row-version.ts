import { createHash } from 'node:crypto'
import { Problem } from '../problem.ts'
import type { ApiContext } from './endpoint.ts'

/** What changes by itself, without anybody's will: it is no reason to refuse one. */
const BY_ITSELF = new Set(['is_connected', 'last_seen_at', 'last_seen_version', 'last_used_at'])

/** RFC 9110 §8.8.3: a strong validator of what is shown of a row. */
export const rowVersion = (shown: unknown): string => {
  const text = JSON.stringify(shown, (key, value: unknown) => (BY_ITSELF.has(key) ? undefined : value))
  return `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`
}

/**
 * RFC 9110 §13.1.1: who says on which sight of a row a change rests does not undo somebody else's. Without If-Match the last one counts.
 * @throws Problem 412
 */
export const checkMatch = (ctx: ApiContext, version: string): void => {
  const wanted = ctx.get('if-match')
  if (wanted === '' || wanted === '*') return
  if (wanted.split(',').some((each) => each.trim() === version)) return
  throw new Problem(412, 'precondition_failed', 'Somebody changed this meanwhile: read it again.', {
    headers: { etag: version },
  })
}
