import { existsSync } from 'node:fs'
import type { Context } from 'mocha'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { PATIENCE_MS } from './patience.ts'
import { skipBecause } from './skip-because.ts'

const EXECUTABLE = '/usr/bin/chromium'

/** Skips a test that needs a browser where Chromium is not installed; the set-up of `npm test` installs it. */
export const needsChromium = (context: Context): void => {
  if (!existsSync(EXECUTABLE)) skipBecause(context, `needs ${EXECUTABLE}`)
}

export interface ChromiumOptions {
  javaScriptEnabled?: boolean
  colorScheme?: 'light' | 'dark'
  /** Time zone of the viewer, by its IANA name; that of this machine by default. */
  timeZone?: string
  /** Further command-line switches. */
  args?: readonly string[]
}

/** Debian's Chromium with an empty profile. It makes no requests but those of the pages that a test opens. */
export class Chromium {
  private constructor(
    readonly context: BrowserContext,
    private readonly close: () => Promise<void>,
  ) {}

  /** Starts the browser, or opens another profile in the one that runs with the same switches. */
  static async start(options: ChromiumOptions = {}): Promise<Chromium> {
    const { javaScriptEnabled = true, colorScheme = 'light', timeZone, args = [] } = options
    const { browser, leave } = await join(args)
    const context = await browser.newContext({
      javaScriptEnabled,
      colorScheme,
      ...(timeZone === undefined ? {} : { timezoneId: timeZone }),
      viewport: { width: 900, height: 760 },
    })
    context.setDefaultTimeout(PATIENCE_MS)
    return new Chromium(context, leave)
  }

  async page(): Promise<Page> {
    return this.context.newPage()
  }

  /** Deletes all cookies, as in a browser that was just installed. */
  async forget(): Promise<void> {
    await this.context.clearCookies()
  }

  async stop(): Promise<void> {
    await this.context.close()
    await this.close()
  }
}

interface Running {
  browser: Promise<Browser>
  users: number
}

/** Running browsers by their switches. */
const running = new Map<string, Running>()

/** Joins the users of a browser, which ends when the last one has left. */
const join = async (args: readonly string[]): Promise<{ browser: Browser; leave: () => Promise<void> }> => {
  const key = args.join(' ')
  const joined = running.get(key) ?? { browser: launch(args), users: 0 }
  running.set(key, joined)
  joined.users++
  const browser = await joined.browser
  const leave = async (): Promise<void> => {
    if (--joined.users > 0) return
    running.delete(key)
    await browser.close()
  }
  return { browser, leave }
}

const launch = (args: readonly string[]): Promise<Browser> =>
  chromium.launch({
    executablePath: EXECUTABLE,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...args,
    ],
  })

/** Fills in the login form of `OpenidProvider`, and its form for consent where that follows. */
export const logInAs = async (page: Page, name: string): Promise<void> => {
  const field = page.locator('input[name=login]')
  for (let forms = 0; forms < 2; forms++) {
    await field.fill(name)
    await page.getByRole('button', { name: 'Sign in' }).click()
    if (!(await field.isVisible().catch(() => false))) return
  }
}

/** Lowest contrast ratio between any text on a page and its background: WCAG 2.2 §1.4.3 asks for 4.5. */
export const leastContrast = async (page: Page): Promise<number> => page.evaluate<number>(MIN_CONTRAST)

// Script that runs in the page.
const MIN_CONTRAST = `(() => {
  const parse = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number)
  const luminance = (color) => {
    const [r, g, b] = color.slice(0, 3).map((channel) => {
      const value = channel / 255
      return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor)
      if (color[3] === undefined || color[3] > 0) return color
    }
    return [255, 255, 255]
  }
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '')
  return Math.min(...[...document.querySelectorAll('body *')].filter(hasText).map((element) => {
    const pair = [luminance(parse(getComputedStyle(element).color)), luminance(behind(element))]
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05)
  }))
})()`
