import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { Postgres } from '../../../../kit/postgres.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

interface Parameter {
  name: string
  in: string
  schema: { enum?: string[]; type?: string; items?: { enum?: string[]; format?: string }; format?: string }
}

/** Texts that have a meaning in SQL, in patterns, in URLs or in JSON, or that databases refuse. */
const HOSTILE = [
  "' OR 1=1 --",
  '%',
  '_',
  '\\',
  '"',
  '\0',
  '{"$gt":""}',
  'null',
  '🚇',
  '\u202E',
  'A'.repeat(5_000),
  ',',
  '',
]

/** Whether a list is that of a noun itself; those below a row have the same query. */
const isOfNoun = ({ path }: { path: string }): boolean => path.split('/').length === 2 || path.endsWith('/memberships')

for (const driver of ['sqlite', 'pg'] as const)
  describe(`lists of the REST API, on ${driver}`, () => {
    let portal: PortalFixture
    /** Paths of all lists with ids of rows in them, and the parameters that the description names. */
    let lists: { path: string; parameters: readonly Parameter[] }[]
    let group: { id: string }
    let actor: { id: string }

    before(async function () {
      this.timeout(120_000)
      const config =
        driver === 'pg' ? { database: { driver, ...(await (await Postgres.shared(this)).newDatabase()) } } : {}
      portal = await PortalFixture.start({ config })
      const site = await portal.create('/sites', { name: 'Berlin' })
      group = await portal.create('/groups', { name: 'Engineers' })
      actor = await portal.create('/actors', { name: '=HYPERLINK("x"), Ada', email: 'ada@example.org' })
      await portal.create('/actors', { name: '100% Straße', is_disabled: true })
      await portal.api('PATCH', `/groups/${group.id}/memberships`, { add: [actor.id] })
      const address = { type: 'dns', address: 'wiki.example.org', site_id: site.id }
      const resource = await portal.create('/resources', { name: 'Wiki', ...address })
      const conditions = [{ condition: 'remote-ip', settings: { ranges: ['192.0.2.0/24'] } }]
      await portal.create('/policies', { group_id: group.id, resource_id: resource.id, conditions })
      await portal.create(`/sites/${site.id}/gateway_tokens`)
      await portal.create(`/actors/${actor.id}/client_tokens`, { expires_at: '2099-01-01T00:00:00Z' })
      const ids: Readonly<Record<string, string>> = { sites: site.id, groups: group.id, actors: actor.id }
      const document = (await (await fetch(`${portal.url}/openapi.json`)).json()) as {
        paths: Record<string, { get?: { parameters: Parameter[] } }>
      }
      lists = Object.entries(document.paths).flatMap(([path, { get }]) => {
        const parent = path.split('/')[1] ?? ''
        const filled = path.replace('{id}', ids[parent] ?? 'none')
        const isList = get?.parameters.some(({ name }) => name === 'cursor') ?? false
        return isList && !filled.includes('none') ? [{ path: filled, parameters: get?.parameters ?? [] }] : []
      })
    })
    after(async () => portal.stop())

    const ask = async (path: string, query: Readonly<Record<string, string>>) =>
      portal.api('GET', `${path}?${new URLSearchParams(query).toString()}`)

    it('every list can be had in every order that its description names, a row at a time, and counts its rows', async () => {
      expect(lists.map(({ path }) => path)).to.include.members(['/actors', '/policies', '/tokens', '/audit_log'])
      for (const { path, parameters } of lists.filter(isOfNoun)) {
        const whole = (await ask(path, { limit: '100' })).body
        const ids = new Set(whole.data.map(({ id }: { id: string }) => id))
        expect(whole, path).to.include({ total: ids.size, total_is_exact: true, next_cursor: null })
        const sorts = parameters.find(({ name }) => name === 'sort')?.schema.enum ?? []
        expect(sorts, path).to.include.members(['created_at', '-created_at'])
        for (const sort of sorts) {
          const page = (await ask(path, { sort, limit: '1' })).body
          expect(page.total, `${path} by ${sort}`).to.equal(ids.size)
          if (page.next_cursor === null) continue
          const next = (await ask(path, { sort, limit: '1', cursor: page.next_cursor })).body
          expect(next.data[0].id, `${path} by ${sort}`).to.not.equal(page.data[0].id)
        }
      }
    })

    it('every list refuses a parameter, an order or a cursor that it does not know with words', async () => {
      const { next_cursor: foreign } = (await ask('/actors', { limit: '1', sort: '-name' })).body
      for (const { path } of lists) {
        for (const [key, value] of Object.entries({ colour: 'red', sort: 'secret', cursor: foreign })) {
          if (key === 'cursor' && path === '/actors') continue
          const { status, body } = await ask(path, { [key]: value })
          expect(status, `${path} ${key}`).to.equal(400)
          expect(body.code).to.equal('invalid_query')
          expect(body.errors[0].message).to.match(/\w+ \w+/)
        }
      }
    })

    it('every list answers every parameter with a hostile value or refuses it, and never fails', async () => {
      for (const [turn, { path, parameters }] of lists.filter(isOfNoun).entries())
        for (const [index, { name }] of parameters.filter((each) => each.in === 'query').entries()) {
          // Each parameter gets another one of the values, each list's search another two.
          const values = (name === 'search' ? [0, 5] : [0]).map(
            (at) => HOSTILE[(index + turn + at) % HOSTILE.length] ?? '',
          )
          for (const value of values) {
            const { status, body } = await ask(path, { [name]: value })
            expect(status, `${path} ${name}=${value.slice(0, 40)}`).to.be.oneOf([200, 400])
            if (status === 400) expect(body.code).to.equal('invalid_query')
          }
        }
    })

    it('filters and a search find the rows that they describe, and the total is of what they find', async () => {
      const names = async (query: Readonly<Record<string, string>>) => {
        const { body } = await ask('/actors', query)
        expect(body.total).to.equal(body.data.length)
        return body.data.map(({ name }: { name: string }) => name.replace(/.*, /, ''))
      }
      expect(await names({ search: 'STRASSE' })).to.deep.equal(['100% Straße'])
      expect(await names({ search: '0% s' })).to.deep.equal(['100% Straße'])
      expect(await names({ search: '%s' })).to.deep.equal([])
      expect(await names({ is_disabled: 'true' })).to.deep.equal(['100% Straße'])
      expect(await names({ group_id: group.id })).to.deep.equal(['Ada'])
      expect(await names({ email_is_null: 'true', type: 'user,service_account' })).to.deep.equal(['100% Straße'])
      expect(await names({ id: `${actor.id},${group.id}` })).to.deep.equal(['Ada'])
      const total = async (path: string) => (await portal.api('GET', path)).body.total as number
      expect(await total('/policies?condition=remote-ip')).to.equal(1)
      expect(await total('/policies?condition=time-window')).to.equal(0)
      expect(await total('/policies?search=engineers')).to.equal(1)
      expect(await total('/tokens?kind=gateway,client')).to.equal(2)
      expect(await total('/tokens?expires_at_before=2100-01-01T00:00:00Z&kind=client')).to.equal(1)
      expect(await total('/tokens?expires_at_before=2098-01-01T00:00:00Z&kind=client')).to.equal(0)
      expect(await total('/clients?is_connected=true')).to.equal(0)
      expect(await total('/audit_log?entity=policies&action=created')).to.equal(1)
    })

    it('a list as CSV has all its rows, and no cell that a spreadsheet takes for a formula', async () => {
      const headers = { authorization: `Bearer ${portal.token}`, accept: 'text/csv' }
      const answer = await fetch(`${portal.url}/api/v1/actors?sort=name&limit=1&email_is_null=false`, { headers })
      expect(answer.headers.get('content-type')).to.match(/^text\/csv/)
      expect(answer.headers.get('content-disposition')).to.equal('attachment; filename="actors.csv"')
      const [head = '', ...lines] = (await answer.text()).split('\r\n')
      expect(head.split(',')).to.include.members(['id', 'name', 'email'])
      expect(lines.at(-1)).to.equal('')
      expect(lines).to.have.length(3)
      expect(lines[0]).to.include(`"'=HYPERLINK(""x""), Ada"`)
      for (const { path } of lists.filter(isOfNoun).filter((each) => each.path !== '/audit_log')) {
        const csv = await fetch(`${portal.url}/api/v1${path}?format=csv`, { headers })
        expect(csv.status, path).to.equal(200)
        expect(await csv.text(), path).to.match(/^id,/)
        const refused = await fetch(`${portal.url}/api/v1${path}?format=csv&cursor=elsewhere`, { headers })
        expect(refused.status, path).to.equal(400)
        await refused.arrayBuffer()
      }
    })
  })
