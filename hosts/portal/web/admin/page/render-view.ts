import { roleOf } from '../../../identity/permissions.ts'
import type { LivePart, View, Visit } from './admin-parts.ts'
import { versionOf } from './live-difference.ts'
import { KEYS, type KeyHelp } from './keys.ts'
import { SITE_MAP } from './site-map.ts'

/** Answers with a view inside of the frame that all pages for admins share. */
export const renderView = async (visit: Visit, view: View): Promise<void> => {
  const { ctx, parts, base, session } = visit
  const { account, actor, csrf } = session
  ctx.status = view.status ?? 200
  allowOwnScripts(visit)
  const { hasKeys } = await visit.preferences()
  const sections = sectionsFor(visit)
  const live = new Map((view.live ?? []).map((part) => [part.id, renderPart(visit, part)]))
  parts.pages.render(ctx, `admin/${view.template}`, {
    ...view.data,
    title: view.title,
    crumbs: [{ text: account.name, url: base }, ...(view.crumbs ?? [])],
    account: account.name,
    actor: actor.name,
    role: roleOf(actor.type) ?? actor.type,
    csrf,
    base,
    mine: `/${account.slug}`,
    at: new Date(parts.clock.unix()).toISOString().slice(11, 19),
    isLive: live.size > 0,
    liveVersion: versionOf(live),
    here: view.address ?? ctx.url,
    sections,
    hasKeys,
    keys: [...KEYS, ...keysOf(sections)],
    /** Renders the live part with this id; nothing where there is none. */
    part: (id: string) => live.get(id) ?? '',
  })
}

/** Returns the list of pages that the visitor may open. */
const sectionsFor = ({ ctx, base, may, parts }: Visit) =>
  SITE_MAP.map(({ heading, entries }) => ({
    heading,
    links: entries
      .filter(({ needs, path }) => may(needs) && parts.pagePaths.has(path))
      .map(({ text, path, key }) => ({ text, key, url: `${base}${path}`, isHere: isAt(ctx.path, base, path) })),
  })).filter(({ links }) => links.length > 0)

/** Returns the keys that open pages. */
const keysOf = (sections: ReturnType<typeof sectionsFor>): KeyHelp[] =>
  sections
    .flatMap(({ links }) => links)
    .flatMap(({ key, text }) => (key === undefined ? [] : [{ keys: ['g', key], does: text, isSingle: true }]))

/** Renders one live part. */
export const renderPart = ({ parts, base, session }: Visit, { id, template, data }: LivePart): string =>
  parts.pages.text(`admin/${template}`, { ...data, id, base, csrf: session.csrf })

const isAt = (here: string, base: string, path: string): boolean =>
  path === '' ? here === base : here === `${base}${path}` || here.startsWith(`${base}${path}/`)

/** Allows the portal's own scripts, and their requests to the portal. */
const allowOwnScripts = ({ ctx }: Visit): void =>
  ctx.set(
    'Content-Security-Policy',
    `${ctx.response.get('Content-Security-Policy')};script-src 'self';connect-src 'self'`,
  )
