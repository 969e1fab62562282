import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { Browser } from '../../../kit/browser.ts'
import { PortalFixture } from '../../../kit/portal-fixture.ts'

const ID = '11111111-1111-4111-8111-111111111111'
const PAGES = ['GET', 'HEAD', 'OPTIONS']
const FORMS = ['OPTIONS', 'POST']
const PATHS: Readonly<Record<string, readonly string[]>> = {
  '/': PAGES,
  '/example': PAGES,
  '/example/sign_in': PAGES,
  '/example/sign_in/providers': PAGES,
  '/example/sign_in/client_redirect': PAGES,
  '/example/sign_in/emergency': [...PAGES, 'POST'],
  '/example/sign_in/approve': FORMS,
  [`/example/sign_in/email-otp/${ID}`]: [...PAGES, 'POST'],
  [`/auth/callback/${ID}`]: PAGES,
  '/auth/oidc/callback': PAGES,
  '/example/home': PAGES,
  '/example/my/access': PAGES,
  '/example/my/sessions': PAGES,
  [`/example/my/sessions/${ID}/end`]: FORMS,
  [`/example/my/tokens/${ID}/revoke`]: FORMS,
  '/example/my/api_tokens': FORMS,
  '/example/sign_out': FORMS,
}

describe('pages of people', () => {
  let portal: PortalFixture

  before(async () => {
    portal = await PortalFixture.start()
  })
  after(async () => portal.stop())

  it('pages answer a method that they do not have with 405, and name their methods', async () => {
    const browser = new Browser()
    for (const [path, allowed] of Object.entries(PATHS)) {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        const what = `${method} ${path}`
        const answer = await fetch(`${portal.url}${path}`, { method, redirect: 'manual' })
        await answer.arrayBuffer()
        const isThere = allowed.includes(method)
        if (!isThere) expect(answer.status, what).to.equal(405)
        else expect(answer.status, what).not.to.equal(405)
        if (!isThere || method === 'OPTIONS') {
          const said = (answer.headers.get('allow') ?? '').split(', ')
          expect(said, what).to.deep.equal(allowed.toSorted())
        }
      }
    }
    const unknown = await browser.send(`${portal.url}/example/sign_in/nothing/at/all`)
    expect(unknown.status).to.equal(404)
  })
})
