import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { AdminVisitor, hidden } from '../../../../kit/admin-visitor.ts'
import { ControlPeer } from '../../../../kit/control-peer.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

/** Fields of the page's form as a browser would send them untouched: texts, chosen options, ticks and hidden ones. */
const untouched = (page: string): Record<string, string[]> => {
  const form = /<form class="stack"[^]*?<\/form>/.exec(page)?.[0] ?? ''
  const fields: Record<string, string[]> = {}
  const add = (name: string, value: string): void => {
    ;(fields[name] ??= []).push(value.replaceAll('&quot;', '"').replaceAll('&amp;', '&'))
  }
  for (const [tag] of form.matchAll(/<input [^>]*>/g)) {
    const type = attribute(tag, 'type')
    if ((type === 'radio' || type === 'checkbox') && !/ checked/.test(tag)) continue
    add(attribute(tag, 'name'), attribute(tag, 'value'))
  }
  for (const [, name = '', value = ''] of form.matchAll(/<textarea [^>]*name="([^"]*)"[^>]*>([^<]*)/g)) add(name, value)
  for (const [, name = '', options = ''] of form.matchAll(/<select [^>]*name="([^"]*)"[^>]*>(.*?)<\/select>/gs)) {
    const chosen = /<option value="([^"]*)" selected/.exec(options) ?? /<option value="([^"]*)"/.exec(options)
    add(name, chosen?.[1] ?? '')
  }
  delete fields['csrf']
  return fields
}

const attribute = (tag: string, name: string): string => new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1] ?? ''

describe('the first day of an account, by pages alone and without script', () => {
  let portal: PortalFixture
  let owner: AdminVisitor
  let at = ''
  let page = ''
  let gateway: ControlPeer | undefined

  before(async () => {
    portal = await PortalFixture.start()
    owner = await AdminVisitor.signIn(portal)
  })
  after(async () => {
    gateway?.close()
    await portal.stop()
  })

  const open = async (path: string): Promise<void> => {
    const { status, text } = await owner.open(path)
    expect(status, path).to.equal(200)
    ;[at, page] = [path, text]
  }
  /** Follows the link with this text, of the page itself and not of the list of pages. */
  const follow = async (text: string): Promise<void> => {
    const main = page.slice(page.indexOf('<main'))
    const link = [...main.matchAll(/<a [^>]*href="[^"]*\/admin([^"]*)"[^>]*>(.*?)<\/a>/gs)].find(([, , inner = '']) =>
      inner.replaceAll(/<[^>]*>/g, '').startsWith(text),
    )
    if (link === undefined) throw new Error(`${at} has no link “${text}”`)
    await open((link[1] ?? '').replaceAll('&amp;', '&'))
  }
  /** Fills in the form of the page, saves it, confirms the difference if one is shown, and goes where that leads. */
  const save = async (fields: Record<string, string | string[]>): Promise<void> => {
    const sent = { ...untouched(page), ...fields, save: '1' }
    let answer = await owner.send(at, sent)
    if (answer.status === 200) answer = await owner.send(at, { ...sent, digest: hidden(answer.text, 'digest') })
    expect(answer.status, answer.text.slice(answer.text.indexOf('<main'))).to.equal(303)
    await open((answer.location ?? '').replace('/example/admin', ''))
  }

  it('a site, its gateway, a resource, people, a group, a policy with a condition, and a denial that says why', async () => {
    await open('')
    await follow('Add the first site')
    await save({ name: 'Frankfurt' })
    await follow('Deploy')
    const deployed = await owner.send(at, {})
    const token = /echo (\S+) \|/.exec(deployed.text)?.[1] ?? ''
    const since = /since=(\d+)/.exec(deployed.text)?.[1] ?? ''
    ;({ peer: gateway } = await ControlPeer.join({ url: portal.url, role: 'gateway', token, name: 'gw-1' }))
    await open(`${at}?since=${since}`)
    expect(page).to.include('It is connected and takes clients.')
    const tokens = (await portal.api('GET', '/tokens?kind=gateway')).body.data
    expect(tokens, 'no gateway is cut because its token ends').to.have.nested.property('[0].expires_at', null)

    await follow('To the site')
    await follow('Add a resource')
    await save({ name: 'Payroll', address: 'payroll.example.org' })
    for (const [name, email] of [
      ['Ben', 'ben@example.org'],
      ['Cleo', 'cleo@example.org'],
    ] as const) {
      await open('/people')
      await follow('Add a person')
      await save({ name, email })
    }
    const ben = (await portal.api('GET', '/actors?search=Ben')).body.data[0].id
    await open('/groups')
    await follow('Add a group')
    await save({ name: 'Finance' })
    await follow('Change members')
    await save({ actor_ids: [ben] })
    expect(page).to.include('Ben').and.not.include('Cleo')

    await follow('Add a policy')
    const resource = (await portal.api('GET', '/resources')).body.data[0].id
    const adding = await owner.send(at, {
      ...untouched(page),
      resource_id: resource,
      kind: 'remote-ip',
      add: '1',
    })
    expect(adding.text, 'an empty condition is not complained of').not.to.include('Not saved')
    expect(adding.text, 'its default is chosen').to.match(/name="c0.operator" value="in" checked/)
    page = adding.text
    await save({ 'c0.ranges': '203.0.113.0/24' })

    await open('/resources')
    await follow('Payroll')
    expect(page).to.include('denied')
    await follow('Explain')
    expect(page).to.include('Ben may not use Payroll.').and.include('remote-ip')
    expect(page, 'the question is spoken').to.include('value="ben@example.org"').and.include('value="Payroll"')
    expect(page).to.include('What would have to change')
    await open('/explain?actor=cleo%40example.org&resource=Payroll&address=203.0.113.9')
    expect(page).to.include('Cleo may not use Payroll.').and.include('Add Cleo to the group Finance')
  })
})
