import { createHash } from 'node:crypto'

/** Rendered live parts of a page by their ids, in the order of the page. */
export type RenderedParts = ReadonlyMap<string, string>

export interface LiveDifference {
  /** Parts that are there as before, with another content. */
  changed: readonly { id: string; html: string }[]
  /** Ids of parts that are gone. */
  gone: readonly string[]
  /** Number of parts that came, or stand in another order: they wait until they are asked for. */
  held: number
}

/** Compares what a page shows with what it would show if it were loaded at present. */
export const liveDifference = (shown: RenderedParts, present: RenderedParts): LiveDifference => {
  const stays = [...shown.keys()].filter((id) => present.has(id))
  const order = [...present.keys()].filter((id) => shown.has(id))
  return {
    changed: stays.flatMap((id) => {
      const html = present.get(id) ?? ''
      return html === shown.get(id) ? [] : [{ id, html }]
    }),
    gone: [...shown.keys()].filter((id) => !present.has(id)),
    held: [...present.keys()].filter((id) => !shown.has(id)).length + stays.filter((id, at) => order[at] !== id).length,
  }
}

/** Names the content of all live parts: another content has another name. */
export const versionOf = (parts: RenderedParts): string =>
  createHash('sha256')
    .update(JSON.stringify([...parts]))
    .digest('base64url')
    .slice(0, 16)
