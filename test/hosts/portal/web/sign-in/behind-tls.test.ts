import { expect } from 'chai'
import { after, afterEach, before, beforeEach, describe, it } from 'mocha'
import type { Page } from 'playwright-core'
import { Chromium, logInAs, needsChromium } from '../../../../kit/chromium.ts'
import { LoopbackServer } from '../../../../kit/loopback-server.ts'
import { OpenidProvider } from '../../../../kit/openid-provider.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'
import { TlsProxy } from '../../../../kit/tls-proxy.ts'

const HOST = 'portal.example.org'
const OUTSIDE = '203.0.113.7'

describe('a portal behind a proxy that ends TLS, in a real browser', function () {
  this.timeout(300_000)
  let proxy: TlsProxy
  let portal: PortalFixture
  let openid: OpenidProvider
  let browser: Chromium
  let page: Page
  let origin: string
  /** Every request of the page, as the browser made it. */
  let requests: string[]
  const servers: LoopbackServer[] = []

  before(async function () {
    needsChromium(this)
    proxy = await TlsProxy.start({ name: HOST, clientAddress: OUTSIDE })
    origin = `https://${HOST}:${proxy.port}`
    portal = await PortalFixture.start({ config: { public_url: origin, trusted_proxies: ['127.0.0.1'] } })
    proxy.upstream = portal.url
    openid = await OpenidProvider.start()
    await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
    await openid.addTo(portal)
    browser = await Chromium.start({
      args: [`--host-resolver-rules=MAP ${HOST} 127.0.0.1`, `--ignore-certificate-errors-spki-list=${proxy.keyHash}`],
    })
  })
  after(async () => {
    await browser?.stop()
    await openid?.stop()
    await portal?.stop()
    await proxy?.stop()
  })
  beforeEach(async () => {
    page = await browser.page()
    requests = []
    page.on('request', (request) => requests.push(request.url()))
  })
  afterEach(async () => {
    await page.close()
    await browser.forget()
    for (const server of servers.splice(0)) await server.stop()
  })

  const signIn = async (): Promise<void> => {
    await page.goto(`${origin}/example?redirect_to=/example/my/access`)
    await page.getByRole('link', { name: 'Example ID' }).click()
    await logInAs(page, 'ada')
    await page.waitForURL(`${origin}/example/my/access`)
  }

  /** Serves a page of another site. */
  const elsewhere = async (html: string): Promise<string> => {
    const server = await LoopbackServer.start((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><title>Elsewhere</title>${html}`)
    })
    servers.push(server)
    return server.url
  }

  it('S9 a portal behind TLS has Secure, HttpOnly and SameSite cookies during a sign-in and after it, and none of them without TLS', async () => {
    await page.goto(`${origin}/example`)
    await page.getByRole('link', { name: 'Example ID' }).click()
    await page.locator('input[name=login]').waitFor()
    const own = async () => (await browser.context.cookies()).filter(({ domain }) => domain === HOST)
    const during = await own()
    expect(during.map(({ name }) => name).join()).to.match(/^portreeve_/)
    await logInAs(page, 'ada')
    await page.waitForURL(`${origin}/example/home`)
    const afterwards = await own()
    expect(afterwards.map(({ name }) => name)).to.include('portreeve_session')
    for (const cookie of [...during, ...afterwards]) {
      expect(cookie, cookie.name).to.include({ secure: true, httpOnly: true, sameSite: 'Lax' })
    }
    expect(await browser.context.cookies(`http://${HOST}/`)).to.deep.equal([])
    expect(await page.evaluate('document.cookie')).to.equal('')
  })

  it('S9 a portal behind TLS redirects to its own https address, loads nothing without TLS, and sees the browser’s address, not the proxy’s', async () => {
    await signIn()
    const unprotected = requests.filter((url) => !url.startsWith(`${origin}/`))
    expect(unprotected.filter((url) => !url.startsWith(openid.issuer))).to.deep.equal([])
    expect(requests).to.include(`${origin}/assets/portal.css`)
    expect(await page.locator('main').textContent()).to.contain(`the address of this browser, ${OUTSIDE},`)
    const answer = await page.reload()
    expect(await answer?.headerValue('strict-transport-security')).to.match(/max-age=31536000/)
    const color = await page.evaluate("getComputedStyle(document.querySelector('main')).borderTopWidth")
    expect(color, 'the style sheet was taken').to.equal('1px')
  })

  it('S9 a portal takes its own forms, and none of another site’s', async () => {
    await signIn()
    const forged = `<form method="post" action="${origin}/example/sign_out"><input name="csrf" value="x"><button>Win</button></form>`
    const other = await browser.page()
    await other.goto(await elsewhere(forged))
    const answered = other.waitForResponse((response) => response.url() === `${origin}/example/sign_out`)
    await other.getByRole('button').click()
    expect((await answered).status()).to.be.oneOf([302, 403])
    await other.close()
    await page.reload()
    expect(page.url(), 'still signed in').to.equal(`${origin}/example/my/access`)

    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Yes, sign me out' }).click()
    await page.waitForURL(`${origin}/example/sign_in/providers`)
    await page.goto(`${origin}/example/home`)
    expect(page.url()).to.contain('/example/sign_in')
    expect((await browser.context.cookies(origin)).map(({ name }) => name)).not.to.include('portreeve_session')
  })

  it('S9 a portal is shown in nobody’s frame', async () => {
    await signIn()
    const refusal = page.waitForEvent('console', (message) => message.text().includes("frame-ancestors 'none'"))
    await page.goto(await elsewhere(`<iframe src="${origin}/example/sign_in/providers"></iframe>`))
    await refusal
    for (const frame of page.frames()) expect(await frame.content()).not.to.contain('Portreeve')
  })

  it('a portal behind TLS is refused by a browser that was not told to trust its certificate', async () => {
    const strict = await Chromium.start({ args: [`--host-resolver-rules=MAP ${HOST} 127.0.0.1`] })
    try {
      const failure = await (await strict.page()).goto(origin).catch((error: unknown) => String(error))
      expect(failure).to.match(/ERR_CERT_AUTHORITY_INVALID/)
    } finally {
      await strict.stop()
    }
  })
})
