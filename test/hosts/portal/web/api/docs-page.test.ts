import { expect } from 'chai'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, describe, it } from 'mocha'
import { Chromium, needsChromium } from '../../../../kit/chromium.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

describe('the page that describes the REST API', function () {
  this.timeout(120_000)
  let portal: PortalFixture
  before(async () => {
    portal = await PortalFixture.start()
  })
  after(async () => portal.stop())

  it('the page has every operation of the description, with a line for a shell, and neither scripts nor inline styles', async () => {
    const { paths } = (await (await fetch(`${portal.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { operationId: string; summary: string }>>
    }
    const answer = await fetch(`${portal.url}/api/docs`)
    expect(answer.status).to.equal(200)
    expect(answer.headers.get('content-type')).to.match(/^text\/html/)
    const text = await answer.text()
    expect(text).to.not.match(/<script|<style|\sstyle=|\son[a-z]+=/)
    for (const operations of Object.values(paths))
      for (const { operationId } of Object.values(operations)) expect(text).to.include(`<details id="${operationId}">`)
    expect(text).to.include(`${portal.url}/api/v1/policies/{id}`)
    expect((await fetch(`${portal.url}/api/docs`, { method: 'POST' })).status).to.equal(405)
  })

  it('axe-core finds nothing on the page, with a part of it open', async function () {
    needsChromium(this)
    const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
    const browser = await Chromium.start()
    try {
      const page = await browser.page()
      await page.goto(`${portal.url}/api/docs`)
      await page.evaluate(axe)
      // The other parts are of the same templates, and cost half a minute.
      const found = await page.evaluate<string[]>(`(async () => {
        for (const one of document.querySelectorAll('section:first-of-type details')) one.open = true
        const { violations } = await axe.run({ exclude: [['section ~ section']] })
        return violations.map(({ id, nodes }) => id + ' ' + nodes[0].html)
      })()`)
      expect(found).to.deep.equal([])
    } finally {
      await browser.stop()
    }
  })
})
