// `npm run bench [-- --json] [NAME …]`: every benchmark of this folder, or those named, as a table and as JSON.
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Figure } from './figure.ts'

const NOT_BENCHES = new Set(['figure.js', 'run.js'])

const folder = dirname(fileURLToPath(import.meta.url))
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const asJson = process.argv.includes('--json')

const modules = readdirSync(folder)
  .filter((name) => name.endsWith('.js') && !NOT_BENCHES.has(name))
  .filter((name) => wanted.length === 0 || wanted.includes(name.slice(0, -'.js'.length)))
  .toSorted()

const figures: Figure[] = []
for (const name of modules) {
  const exported = (await import(pathToFileURL(join(folder, name)).href)) as Record<string, unknown>
  for (const [key, bench] of Object.entries(exported)) {
    if (!key.startsWith('bench') || typeof bench !== 'function') continue
    process.stderr.write(`${name.slice(0, -'.js'.length)} …\n`)
    figures.push(...((await bench()) as Figure[]))
  }
}

const rounded = (value: number): string =>
  value.toLocaleString('en', { maximumFractionDigits: Math.abs(value) < 100 ? 2 : 0 })
const width = Math.max(...figures.map((figure) => figure.name.length), 0)
if (!asJson) {
  for (const { name, value, unit, goal } of figures) {
    const aim = goal === undefined ? '' : `  (goal: ${goal})`
    process.stdout.write(`${name.padEnd(width)}  ${rounded(value).padStart(12)} ${unit}${aim}\n`)
  }
}
process.stdout.write(`${JSON.stringify({ figures })}\n`)
process.exit(0)
