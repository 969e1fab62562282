// Copies what is not TypeScript and is read at run time (page templates, style sheets) beside the compiled files.
import { cpSync, existsSync, readdirSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'

const ASSETS = new Set(['.eta', '.css', '.js', '.svg', '.json'])

const walk = (folder) => {
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder)) {
    if (name === 'native' || name === 'node_modules') continue
    const path = join(folder, name)
    if (statSync(path).isDirectory()) walk(path)
    else if (ASSETS.has(extname(name))) cpSync(path, join('dist', path))
  }
}

for (const folder of ['hosts', 'plugins']) walk(folder)
