import { Eta } from 'eta'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Context, Middleware } from 'koa'
import type { ShowProblem } from './problem.ts'

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), 'page')

/** The portal's pages: plain HTML that needs no script. */
export class Pages {
  readonly #eta = new Eta({ views: FOLDER, cache: true })

  render(ctx: Context, page: string, data: Readonly<Record<string, unknown>>): void {
    ctx.type = 'text/html; charset=utf-8'
    ctx.set('Cache-Control', 'no-store')
    ctx.body = this.#eta.render(`./${page}`, data)
  }
}

/** A problem as a page. */
export const showAsPage =
  (pages: Pages): ShowProblem =>
  (ctx, { status, detail }) => {
    pages.render(ctx, 'problem', {
      title: status === 404 ? 'Not found' : 'That did not work',
      detail,
      links: [],
    })
  }

/** The style sheet. */
export const styleSheet = (): Middleware => {
  const css = readFileSync(join(FOLDER, 'portal.css'))
  return async (ctx, next) => {
    if (ctx.path !== '/assets/portal.css') return next()
    ctx.type = 'text/css; charset=utf-8'
    ctx.set('Cache-Control', 'public, max-age=3600')
    ctx.body = css
  }
}
