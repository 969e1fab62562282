// Writes what is generated from the API's own schemas: `description.json` beside this module's parent, for the command line, and the types of
// hosts/api/operations.ts. The build runs it with the package's folder as an argument; it prints `changed` if the types have changed.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ApiParts } from '../../portal/web/api/parts.ts'
import { openApi } from '../../portal/web/api/open-api.ts'
import { apiEndpoints } from '../../portal/web/api/router.ts'
import { typeText, type Description } from './type-text.ts'

/** Returns the description of the API, without a portal: its address is relative. */
const describe = (): Description => {
  // Schemas need none of a portal's parts, and operations are not carried out here.
  const parts = { key: new Uint8Array(32) } as ApiParts
  return openApi(apiEndpoints(parts), { version: '', url: '' }) as object as Description
}

const [, , folder = '.'] = process.argv
const description = describe()
writeFileSync(join(folder, 'dist/hosts/api/description.json'), `${JSON.stringify(description)}\n`)
const file = join(folder, 'hosts/api/operations.ts')
const text = typeText(description)
if (readFileSync(file, 'utf8') !== text) {
  writeFileSync(file, text)
  process.stdout.write('changed\n')
}
