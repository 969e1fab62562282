import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { MINUTE } from '../../../../../core/runtime/time.ts'
import { Browser } from '../../../../kit/browser.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'
import { VirtualClock } from '../../../../kit/virtual-clock.ts'

interface Entry {
  id: string
  kind: string
  action: string
  entity: string
  entity_id: string | null
  by: Record<string, string>
  details: Record<string, unknown>
}

describe('P14 the audit trail', () => {
  let portal: PortalFixture
  let clock: VirtualClock
  before(async () => {
    clock = new VirtualClock()
    portal = await PortalFixture.start({ clock })
  })
  after(async () => portal.stop())

  const trail = async (query = ''): Promise<Entry[]> =>
    (await portal.api('GET', `/audit_log?limit=100${query}`)).body.data
  /** Waits until all earlier writes are done: writes are made one after the other. */
  const othersAreWritten = async () => portal.create('/groups', { name: `After ${++written}` })
  let written = 0
  const tokenId = async (): Promise<string> =>
    (await portal.api('GET', `/actors/${portal.admin.id}/api_tokens`)).body.data.find(
      ({ name }: { name: string }) => name === 'First API token',
    ).id

  it('P14 the audit trail shows a provider’s changes by its plugin’s schema, and that a secret is another one', async () => {
    const settings = { issuer: 'https://good.example.org', client_id: 'portal', client_secret: 'SECRET-ONE' }
    const { id } = await portal.create('/identity_providers', { name: 'Work', type: 'oidc', settings })
    const path = `/identity_providers/${id}`
    await portal.api('PATCH', path, { settings: { ...settings, issuer: 'https://evil.example.org' } })
    await portal.api('PATCH', path, {
      settings: { ...settings, issuer: 'https://evil.example.org', client_secret: 'SECRET-TWO' },
    })
    const [secret, issuer, created] = (await trail(`&entity_id=${id}`)).map(({ details }) => details)
    const shown = (issuer: string, client_secret: string) => ({
      settings: { client_id: 'portal', issuer, client_secret },
    })
    expect(created).to.have.deep.nested.property(
      'after.settings',
      shown('https://good.example.org', '[secret]').settings,
    )
    expect(issuer).to.deep.equal({
      before: shown('https://good.example.org', '[secret]'),
      after: shown('https://evil.example.org', '[secret]'),
    })
    expect(secret).to.deep.equal({
      before: shown('https://evil.example.org', '[secret]'),
      after: shown('https://evil.example.org', '[secret, changed]'),
    })
    expect(JSON.stringify(await trail())).not.to.match(/SECRET-/)
  })

  it('P14 the audit trail names the token and the address of who made a change', async () => {
    const group = await portal.create('/groups', { name: 'By' })
    const [made] = await trail(`&entity_id=${group.id}`)
    expect(made?.by).to.deep.equal({
      type: 'actor',
      actor_id: portal.admin.id,
      via: 'api',
      token_id: await tokenId(),
      remote_ip: '127.0.0.1',
    })
    const { code } = await portal.makeEmergencyCode()
    const browser = new Browser()
    await browser.send(`${portal.url}/example/sign_in/emergency`, { form: { code } })
    const csrf = /name="csrf" value="([^"]+)"/.exec(
      await (await browser.send(`${portal.url}/example/my/sessions`)).text(),
    )?.[1]
    await browser.send(`${portal.url}/example/my/api_tokens`, {
      form: { csrf: csrf ?? '', name: 'By hand', days: '1' },
    })
    const byHand = (await trail()).find(({ entity, action }) => entity === 'tokens' && action === 'created')
    expect(byHand?.by).to.deep.equal({
      type: 'actor',
      actor_id: portal.admin.id,
      via: 'session',
      remote_ip: '127.0.0.1',
    })
  })

  it('P14 the audit trail has refusals of a token of this portal, the first at once, the others of a minute as one', async () => {
    const robot = await portal.create('/actors', { name: 'Robot', type: 'service_account' })
    const { id, token } = await portal.create(`/actors/${robot.id}/api_tokens`)
    await portal.api('DELETE', `/tokens/${id}`)
    for (let times = 0; times < 5; times++) await portal.api('GET', `/sites?limit=${times + 1}`, undefined, token)
    await portal.api('DELETE', `/actors/${portal.admin.id}`)
    await portal.api('GET', '/sites', undefined, null)
    await portal.api('GET', '/sites', undefined, 'stranger.token')
    const refused = async () => (await trail('&kind=api_call')).map(({ by, details }) => ({ by, details }))
    await othersAreWritten()
    const revoked = { type: 'system', part: 'api', token_id: id, remote_ip: '127.0.0.1' }
    const call = { method: 'GET', path: '/api/v1/sites', status: 401, code: 'invalid_token', remote_ip: '127.0.0.1' }
    expect(await refused()).to.deep.equal([
      {
        by: {
          type: 'actor',
          actor_id: portal.admin.id,
          via: 'api',
          token_id: await tokenId(),
          remote_ip: '127.0.0.1',
        },
        details: {
          method: 'DELETE',
          path: `/api/v1/actors/${portal.admin.id}`,
          status: 409,
          code: 'last_owner',
          remote_ip: '127.0.0.1',
        },
      },
      { by: revoked, details: call },
    ])
    clock.advance(MINUTE)
    await othersAreWritten()
    expect((await refused())[0]).to.deep.equal({ by: revoked, details: { ...call, repeated: { count: 4 } } })
  })

  it('P14 the audit trail keeps the order of events within one millisecond, also from page to page', async () => {
    const { id } = await portal.create('/groups', { name: '0' })
    for (let at = 1; at <= 20; at++) await portal.api('PATCH', `/groups/${id}`, { name: String(at) })
    const names: unknown[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const { body } = await portal.api(
        'GET',
        `/audit_log?limit=3&entity_id=${id}${cursor === '' ? '' : `&cursor=${cursor}`}`,
      )
      names.push(...(body.data as Entry[]).map(({ details }) => (details['after'] as { name: string }).name))
      cursor = body.next_cursor
    }
    expect(names).to.deep.equal(Array.from({ length: 21 }, (_, at) => String(20 - at)))
  })

  it('P14 the audit trail writes moments as everything else does', async () => {
    const expires_at = '2040-01-02T03:04:05.000Z'
    const { id } = await portal.create(`/actors/${portal.admin.id}/client_tokens`, { expires_at })
    const [made] = await trail(`&entity_id=${id}`)
    expect(made?.details['after']).to.include({ expires_at, last_used_at: null })
    expect(made?.details['after'])
      .to.have.property('created_at')
      .that.matches(/^\d{4}-\d\d-\d\dT/)
  })
})
