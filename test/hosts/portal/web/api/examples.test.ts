import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

interface Operation {
  requestBody?: { content: { 'application/json': { example?: object } } }
}

const NOBODY = 'a0a0a0a0-0000-4000-8000-000000000000'

describe('the examples of request bodies in the description of the API', () => {
  let portal: PortalFixture

  before(async () => {
    portal = await PortalFixture.start()
  })
  after(async () => portal.stop())

  it('exist for each body, and the portal takes them as they are, but for ids of rows that it does not have', async () => {
    const { paths } = (await (await fetch(`${portal.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, Operation>>
    }
    const site = await portal.create('/sites', { name: 'Of the test' })
    const [actor, other] = [
      await portal.create('/actors', { name: 'Grace', type: 'admin', email: 'grace@example.org' }),
      await portal.create('/actors', { name: 'Alan' }),
    ]
    const group = await portal.create('/groups', { name: 'Of the test' })
    const about = { name: 'Printer', type: 'dns', address: 'printer.example.org', site_id: site.id }
    const resource = await portal.create('/resources', about)
    const settings = { issuer: 'https://id.example.net', client_id: 'test', client_secret: 'test' }
    const provider = await portal.create('/identity_providers', { name: 'Of the test', type: 'oidc', settings })
    // In the order in which the examples number them.
    const ids = [site, group, actor, other, resource, provider].map(({ id }) => id)
    const inPath: Readonly<Record<string, string>> = {
      sites: site.id,
      actors: actor.id,
      groups: group.id,
      resources: resource.id,
    }
    let taken = 0
    for (const [path, operations] of Object.entries(paths)) {
      for (const [method, { requestBody }] of Object.entries(operations)) {
        if (requestBody === undefined) continue
        const { example } = requestBody.content['application/json']
        expect(example, `the example of ${method} ${path}`).to.be.an('object')
        const body = JSON.parse(
          JSON.stringify(example).replace(
            /018f4e5c-9a3b-4c1d-8e2f-5a6b7c8d9e0(\d)/g,
            (_, at: string) => ids[Number(at)] ?? at,
          ),
        ) as object
        const target = path.replace('{id}', inPath[path.split('/')[1] ?? ''] ?? NOBODY)
        const answer = await portal.api(method.toUpperCase(), target, body)
        // A body is validated before its row is looked for.
        expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.body)}`).to.be.oneOf(
          target.includes(NOBODY) ? [404] : [200, 201],
        )
        taken++
      }
    }
    expect(taken).to.be.at.least(25)
  })

  it('examples are of the operation that they stand beside: the body of another one is refused', async () => {
    const { status } = await portal.api('PATCH', `/tokens/${NOBODY}`, { overlap_seconds: 1 })
    expect(status).to.equal(422)
  })
})
