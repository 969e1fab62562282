import type Koa from 'koa'
import { PassThrough } from 'node:stream'
import { may } from '../../../identity/permissions.ts'
import { innerContext } from '../../http/inner-context.ts'
import { notFound, Problem } from '../../http/problem.ts'
import type { PortalSession } from '../../sign-in/session.ts'
import type { AdminContext, AdminPage, PageParts, Visit } from '../page/admin-parts.ts'
import { renderPart } from '../page/render-view.ts'
import { shownTime } from '../../http/shown-time.ts'
import { visitOf } from '../page/visit.ts'
import type { ChangeHub } from './change-hub.ts'
import { LiveStream, type LiveEvent } from './live-stream.ts'

export interface StreamParts {
  app: Koa
  pages: readonly AdminPage[]
  hub: ChangeHub
}

/** Streams that one session may have open: a browser tab has one. */
const MAX_STREAMS = 20
/** Bytes that wait for a reader before its stream ends. */
const MAX_WAITING = 1024 * 1024

/** Makes the function that answers with the stream of the page that the query names. */
export const answerStream = ({ app, pages, hub }: StreamParts): ((visit: Visit) => Promise<void>) => {
  const open = new Map<string, number>()
  return async ({ ctx, parts, session, query }) => {
    const url = query['page'] ?? ''
    const found = findPage(pages, session, url)
    if (found === undefined || !may(session.actor, found.page.needs)) throw notFound()
    const count = open.get(session.id) ?? 0
    if (count >= MAX_STREAMS) throw new Problem(429, 'too_many_streams', 'Too many pages are open: close one.')
    open.set(session.id, count + 1)

    const body = new PassThrough()
    const send = ({ event, data }: LiveEvent): void => {
      body.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
      // A reader that does not keep up loads the page anew when it comes back.
      if (body.writableLength > MAX_WAITING) body.destroy()
    }
    const stream = new LiveStream({
      clock: parts.clock,
      render: () => rendered(parts, app, { ...found, url, session, clientAddress: ctx.state.clientAddress }),
      removal: (rowId) => removalText(parts, session, rowId),
      isValid: async () => (await parts.sessions.again(session)) !== undefined,
      send,
      failed: (error) => parts.logger.warn({ error, page: found.page.path }, 'an open page cannot be shown'),
      end: () => body.end(),
    })
    const removeInterest = hub.add({
      accountId: session.account.id,
      watches: found.page.watches,
      changed: () => stream.changed(),
      moved: () => stream.changed(),
    })
    body.once('close', () => {
      removeInterest()
      stream.stop()
      const left = (open.get(session.id) ?? 1) - 1
      if (left > 0) open.set(session.id, left)
      else open.delete(session.id)
    })
    ctx.req.socket.setTimeout(0)
    ctx.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' })
    ctx.status = 200
    ctx.body = body
    await stream.start(query['version'] ?? '')
  }
}

interface FoundPage {
  page: AdminPage
  params: Record<string, string>
}

/** Finds the page at an address of the session's account. */
const findPage = (pages: readonly AdminPage[], { account }: PortalSession, url: string): FoundPage | undefined => {
  const base = `/${account.slug}/admin`
  const path = url.split('?', 1)[0] ?? ''
  if (path !== base && !path.startsWith(`${base}/`)) return undefined
  const given = path.slice(base.length).split('/')
  const fitting = pages.flatMap((page) => {
    const segments = page.path.split('/')
    const fits =
      segments.length === given.length &&
      segments.every((segment, at) => segment.startsWith(':') || segment === given[at])
    if (!fits) return []
    const params = segments.flatMap((segment, at) =>
      segment.startsWith(':') ? [[segment.slice(1), given[at] ?? '']] : [],
    )
    return [{ page, params: Object.fromEntries(params) as Record<string, string> }]
  })
  return fitting.toSorted((a, b) => Object.keys(a.params).length - Object.keys(b.params).length)[0]
}

/** Renders the live parts of a page as the session's person would see them at present. */
const rendered = async (
  parts: PageParts,
  app: Koa,
  {
    page,
    params,
    url,
    session,
    clientAddress,
  }: FoundPage & { url: string; session: PortalSession; clientAddress: string },
): Promise<ReadonlyMap<string, string> | undefined> => {
  const present = await parts.sessions.again(session)
  if (present === undefined || !may(present.actor, page.needs)) return undefined
  const ctx = innerContext(app, { method: 'GET', url }) as AdminContext
  ctx.params = params
  ctx.state.clientAddress = clientAddress
  ctx.state.session = present
  const visit = visitOf(parts, ctx, present)
  try {
    const { live = [] } = await page.view(visit)
    return new Map(live.map((part) => [part.id, renderPart(visit, part)]))
  } catch (error) {
    // The row that the page is about was removed.
    if (error instanceof Problem && error.status === 404) return new Map()
    throw error
  }
}

/** Says who removed a row and when, from the audit trail; undefined if it was not removed. */
const removalText = async (
  { store }: PageParts,
  { account, actor }: PortalSession,
  rowId: string,
): Promise<string | undefined> => {
  const [record] = await store.auditLog(account.id, { kind: 'change', entityId: rowId, limit: 1 })
  if (record?.action !== 'removed') return undefined
  const at = shownTime(record.createdAt)?.text.slice(11) ?? ''
  if (record.by.type !== 'actor') return `Deleted at ${at}.`
  const who =
    record.by.actorId === actor.id ? 'you' : (await store.reader(account.id).get('actors', record.by.actorId))?.name
  return `Deleted by ${who ?? 'somebody'} at ${at}.`
}
