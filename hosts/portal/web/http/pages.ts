import { Eta } from 'eta'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Context, Middleware } from 'koa'
import { requestIdOf } from './request-id.ts'
import type { ShowProblem } from './problem.ts'

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '../page')

/** Renders the portal's pages and pieces of them. */
export interface Templates {
  /** Answers with a page, which no cache keeps. */
  render: (ctx: Context, page: string, data: Readonly<Record<string, unknown>>) => void
  /** Returns the HTML of a template. */
  text: (template: string, data: Readonly<Record<string, unknown>>) => string
}

/** The portal's templates: plain HTML that works without scripts. */
export class Pages implements Templates {
  readonly #eta = new Eta({ views: FOLDER, cache: true })

  render(ctx: Context, page: string, data: Readonly<Record<string, unknown>>): void {
    ctx.type = 'text/html; charset=utf-8'
    ctx.set('Cache-Control', 'no-store')
    ctx.body = this.text(page, data)
  }

  text(template: string, data: Readonly<Record<string, unknown>>): string {
    return this.#eta.render(`./${template}`, data)
  }
}

/** Shows a problem as a page. */
export const showAsPage =
  (pages: Pages): ShowProblem =>
  (ctx, { status, detail }) => {
    pages.render(ctx, 'problem', {
      requestId: requestIdOf(ctx),
      title: status === 404 ? 'Not found' : 'That did not work',
      detail:
        status === 404 ? 'There is nothing at this address. Check that it is spelled as it was given to you.' : detail,
      links: [{ text: 'Go to the start', url: '/' }],
    })
  }

/** Serves the files that pages load: style sheets, icons and scripts. */
export const assets = (): Middleware => {
  const htmx = join(dirname(createRequire(import.meta.url).resolve('htmx.org')), 'htmx.min.js')
  const files = new Map(
    Object.entries(ASSET_TYPES).map(([name, type]) => [
      `/assets/${name}`,
      { type, bytes: readFileSync(name === 'htmx.js' ? htmx : join(FOLDER, name)) },
    ]),
  )
  return async (ctx, next) => {
    const asset = files.get(ctx.path)
    if (asset === undefined) return next()
    ctx.type = asset.type
    ctx.set('Cache-Control', 'public, max-age=3600')
    ctx.body = asset.bytes
  }
}

const ASSET_TYPES = {
  'portal.css': 'text/css; charset=utf-8',
  'portal.svg': 'image/svg+xml',
  'time.js': 'text/javascript; charset=utf-8',
  'admin.css': 'text/css; charset=utf-8',
  'admin.js': 'text/javascript; charset=utf-8',
  'live.js': 'text/javascript; charset=utf-8',
  'htmx.js': 'text/javascript; charset=utf-8',
  'icons.svg': 'image/svg+xml',
} as const
