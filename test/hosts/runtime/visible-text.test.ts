import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { table } from '../../../hosts/cli/output.ts'
import { visibleLine, visibleText } from '../../../hosts/runtime/visible-text.ts'
import { anyText } from '../../kit/any-text.ts'

const OBEYED = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

describe('text for a terminal', () => {
  it('text for a terminal shows what a terminal would obey: escapes, C1 controls, directions, tags, half characters', () => {
    expect(visibleText('a\u001b[2Jb\u009b31mc\u007fd\r')).to.equal('a\\u001b[2Jb\\u009b31mc\\u007fd\\u000d')
    expect(visibleText('evil\u202egnp.exe\u2066\u200b\ud800')).to.equal('evil\\u202egnp.exe\\u2066\\u200b\\ud800')
    expect(visibleText('\u{e0041}')).to.equal('\\udb40\\udc41')
    expect(visibleText('Zoë 👩\u200d💻 نمی\u200cخواهم\tand\n')).to.equal('Zoë 👩\u200d💻 نمی\u200cخواهم\tand\n')
  })

  it('text for a terminal leaves nothing else, whatever the text, and says the same in JSON', () => {
    fc.assert(
      fc.property(anyText({ maxLength: 60 }), (text) => {
        expect(OBEYED.test(visibleText(text))).to.equal(false)
        expect(/[\n\r\v\f\u0085\u2028\u2029]/u.test(visibleLine(text))).to.equal(false)
        expect(JSON.parse(visibleText(JSON.stringify(text)))).to.equal(text)
      }),
    )
  })

  it('text for a terminal keeps a name within its cell of a table: it makes no line of its own', () => {
    const rows = table([
      ['RESOURCE', 'STATE'],
      ['GitLab\nBank', 'denied\u001b[8m'],
    ])
    expect(rows.split('\n')).to.deep.equal(['RESOURCE     STATE', 'GitLab Bank  denied\\u001b[8m'])
  })
})
