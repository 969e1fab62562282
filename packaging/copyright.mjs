// debian/copyright of the packages, in Debian's machine-readable format (DEP-5): the product, each npm package, Node.js.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { PackagingProblem } from './steps.mjs'

const HOME = '/usr/lib/portreeve'
/** Licences whose full text every Debian machine has. */
const COMMON = { 'Apache-2.0': 'Apache-2.0', 'GPL-3.0-or-later': 'GPL-3' }

/** Writes the text of the copyright file for packages (folders in `root`) and the LICENSE of a Node.js. */
export const copyrightText = ({ root, packages, nodeLicence }) => {
  const texts = new Map()
  const entries = packages.map(({ path, name, version, license }) => {
    if (license === undefined) throw new PackagingProblem(`${name} names no licence in package-lock.json.`)
    const text = licenceOf(join(root, path))
    // Of "A or B" the one is taken whose text the package has, or that is common.
    const id = license.replace(/^\(|\)$/g, '')
    if (text !== undefined && !COMMON[id]) {
      const body = textBelowNotices(text)
      if (!texts.has(id)) texts.set(id, body)
    } else if (!texts.has(id)) texts.set(id, undefined)
    return { path, name, version, id, holders: holdersOf(text, join(root, path)) }
  })
  return [
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/',
    'Upstream-Name: portreeve',
    '',
    'Files: *',
    'Copyright: 2026, the authors of Portreeve',
    'License: Apache-2.0',
    '',
    ...entries.flatMap(({ path, name, version, id, holders }) => [
      `Files: ${HOME.slice(1)}/${path}/*`,
      `Copyright: ${holders.join('\n           ')}`,
      `License: ${dep5(id)}`,
      `Comment: npm package ${name} ${version}`,
      '',
    ]),
    `Files: ${HOME.slice(1)}/bin/node`,
    'Copyright: Node.js contributors, and those named in the text',
    'License: Node.js',
    '',
    'License: Apache-2.0',
    ' On Debian systems, the text of the Apache License, Version 2.0, is in',
    ' /usr/share/common-licenses/Apache-2.0.',
    '',
    ...[...texts]
      .filter(([id]) => id !== 'Apache-2.0')
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([id, text]) => [`License: ${dep5(id)}`, ...indented(text ?? withoutText(id)), '']),
    'License: Node.js',
    ...indented(nodeLicence),
    '',
  ].join('\n')
}

/** Text of a licence that no package has in full. */
const withoutText = (id) =>
  id.includes('GPL-3')
    ? 'The package is taken under the GNU General Public License, version 3 or later. On\nDebian systems, its text is in /usr/share/common-licenses/GPL-3.'
    : `The package names the licence ${id} in its package.json, and has no text of it.`

const dep5 = (id) => id.replace(/ OR /g, ' or ').replace(/ AND /g, ' and ')

const licenceOf = (folder) => {
  const name = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry))
  return name === undefined ? undefined : readFileSync(join(folder, name), 'utf8')
}

const holdersOf = (text, folder) => {
  const found = (text ?? '').match(/^.*copyright (\(c\)|©|\d{4}).*$/gim) ?? []
  const lines = [...new Set(found.map((line) => line.replace(/^[\s*#]*(copyright)?\s*/i, '').trim()))].filter(
    (line) => line !== '' && !/yyyy/.test(line),
  )
  if (lines.length > 0) return lines.slice(0, 12)
  const file = join(folder, 'package.json')
  const { author } = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  const name = typeof author === 'string' ? author : author?.name
  return [name ?? 'the authors of the package']
}

/** Leaves out the lines that name holders, which stand at each package. */
const textBelowNotices = (text) =>
  text
    .split('\n')
    .filter(
      (line) => !/^[\s*#]*(copyright (\(c\)|©|\d{4})|all rights reserved|\(?the mit license|mit license)/i.test(line),
    )
    .join('\n')
    .trim()

const indented = (text) =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trimEnd())
    .map((line) => (line.trim() === '' ? ' .' : ` ${line}`))
