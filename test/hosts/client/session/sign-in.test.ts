import { expect } from 'chai'
import { afterEach, describe, it } from 'mocha'
import { SignIn } from '../../../../hosts/client/session/sign-in.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'

describe('hosts/client/session/sign-in', () => {
  let signIn: SignIn | undefined

  const begin = async (timeoutMs?: number): Promise<{ url: URL; callback: URL }> => {
    signIn = await SignIn.begin({
      portalUrl: 'https://portal.example.org/base/',
      account: 'example',
      random: new SeededRandom(7),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    })
    const url = new URL(signIn.url)
    return { url, callback: new URL(url.searchParams.get('callback') ?? '') }
  }

  afterEach(() => signIn?.cancel())

  it('S1 a sign-in opens the account’s page with state and nonce of 32 random bytes each', async () => {
    const { url } = await begin()
    expect(url.origin + url.pathname).to.equal('https://portal.example.org/base/example')
    expect([...url.searchParams.keys()].sort()).to.deep.equal(['as', 'callback', 'nonce', 'state'])
    expect(url.searchParams.get('as')).to.equal('headless-client')
    expect(url.searchParams.get('state')).to.match(/^[0-9a-f]{64}$/)
    expect(url.searchParams.get('nonce')).to.match(/^[0-9a-f]{64}$/)
    expect(url.searchParams.get('nonce')).not.to.equal(url.searchParams.get('state'))
  })

  it('S7 a sign-in is called back on the loopback address and puts the nonce before the fragment', async () => {
    const { url, callback } = await begin()
    expect(callback.hostname).to.equal('127.0.0.1')
    callback.search = new URLSearchParams({
      state: url.searchParams.get('state') ?? '',
      fragment: '.SFMyNTY.abc',
      actor_name: 'Ada',
      account_slug: 'example',
    }).toString()
    expect((await fetch(callback)).status).to.equal(200)
    const end = await signIn?.ended
    if (end?.type !== 'signedIn') throw new Error(`it ended ${end?.type}`)
    expect(end.token.reveal()).to.equal(`${url.searchParams.get('nonce')}.SFMyNTY.abc`)
    expect(end).to.include({ actor: 'Ada', account: 'example' })
  })

  it('S6 a sign-in refuses a callback whose state is not its own, and waits on', async () => {
    const { url, callback } = await begin()
    const state = url.searchParams.get('state') ?? ''
    const wrong = ['', 'f'.repeat(64), state.toUpperCase().replace(/.$/, 'ü'), `${state}0`]
    for (const other of wrong) {
      callback.search = new URLSearchParams({ state: other, fragment: '.abc' }).toString()
      expect((await fetch(callback)).status, other).to.equal(400)
    }
    callback.search = new URLSearchParams({ state, fragment: '.abc' }).toString()
    expect((await fetch(callback)).status).to.equal(200)
  })

  it('a sign-in takes nothing for a fragment that could be no part of a token', async () => {
    const { url, callback } = await begin()
    for (const fragment of ['', 'with blank', 'line\r\nend', 'x'.repeat(3_000)]) {
      callback.search = new URLSearchParams({ state: url.searchParams.get('state') ?? '', fragment }).toString()
      expect((await fetch(callback)).status).to.equal(400)
    }
  })

  it('a sign-in’s listener answers nothing but a GET of its own path', async () => {
    const { callback } = await begin()
    expect((await fetch(new URL('/', callback))).status).to.equal(404)
    expect((await fetch(callback, { method: 'POST' })).status).to.equal(404)
  })

  describe('S7 a sign-in by pasted text', () => {
    const beginPaste = async (): Promise<URL> => {
      const random = new SeededRandom(9)
      const where = { portalUrl: 'https://portal.example.org', account: 'example' }
      signIn = await SignIn.begin({ ...where, random, byPaste: true })
      return new URL(signIn.url)
    }

    it('S7 a sign-in by pasted text sends the browser nowhere, so that its last page shows what to paste', async () => {
      expect([...(await beginPaste()).searchParams.keys()].sort()).to.deep.equal(['as', 'nonce', 'state'])
    })

    it('S7 a sign-in by pasted text takes the token of the last page, with the blanks and lines that copying brings', async () => {
      const url = await beginPaste()
      expect(signIn?.paste('  .SFMyNTY.\n abc\r\n')).to.equal(undefined)
      const end = await signIn?.ended
      expect(end?.type === 'signedIn' ? end.token.reveal() : end).to.equal(
        `${url.searchParams.get('nonce')}.SFMyNTY.abc`,
      )
    })

    it('S7 a sign-in by pasted text takes the address that a browser elsewhere was sent to, with our state only', async () => {
      const { url, callback } = await begin()
      const own = url.searchParams.get('state') ?? ''
      for (const state of ['', 'f'.repeat(64), `${own}0`]) {
        callback.search = new URLSearchParams({ state, fragment: '.abc' }).toString()
        expect(signIn?.paste(callback.href), state).to.match(/not the sign-in/)
      }
      callback.search = new URLSearchParams({ state: own, fragment: '.abc', actor_name: 'Ada' }).toString()
      expect(signIn?.paste(callback.href)).to.equal(undefined)
      expect(await signIn?.ended).to.include({ type: 'signedIn', actor: 'Ada' })
    })

    it('S7 a sign-in by pasted text refuses text that is no token, and waits on', async () => {
      await beginPaste()
      for (const text of ['', 'a token!', '<html>', 'https://portal.example.org/example', 'x'.repeat(3_000)]) {
        expect(signIn?.paste(text), text).to.be.a('string')
      }
      expect(signIn?.paste('.abc')).to.equal(undefined)
    })
  })

  it('a sign-in leaves a page that has the fragment neither in its address nor in the history', async () => {
    const { url, callback } = await begin()
    const values = { state: url.searchParams.get('state') ?? '', fragment: '.abc', actor_name: '<b>Ada</b>' }
    callback.search = new URLSearchParams(values).toString()
    const sent = await fetch(callback, { redirect: 'manual' })
    expect(sent.status).to.equal(303)
    const next = new URL(sent.headers.get('location') ?? '', callback)
    expect(next.href).to.equal(`${callback.origin}/signed-in`)
    expect(await signIn?.ended).to.include({ type: 'signedIn' })
    const page = await fetch(next)
    expect(page.headers.get('content-type')).to.equal('text/html; charset=utf-8')
    expect(page.headers.get('content-security-policy')).to.match(/^default-src 'none'; style-src 'sha256-/)
    const html = await page.text()
    expect(html).to.contain('You are signed in').and.contain('&#60;b&#62;Ada').and.not.contain('.abc')
    expect(html).not.to.match(/<script| style=| on\w+=/i)
  })

  it('a sign-in ends by itself after a while', async () => {
    await begin(5)
    expect(await signIn?.ended).to.deep.equal({ type: 'expired' })
  })
})
