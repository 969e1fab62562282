import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { packageRoot } from './source-tree.ts'
import { runProgram } from './debian-machine.ts'

/** Builds the Debian packages of a clone with little compression, which is faster, and returns their paths by name. */
export const buildPackages = async ({
  out,
  version,
  root = packageRoot(),
}: {
  out: string
  version: string
  root?: string
}): Promise<Record<'common' | 'portal' | 'gateway' | 'client', string>> => {
  await mkdir(out, { recursive: true })
  const flags = ['--only', 'deb', '--compress', 'gzip', '--version', version, '--out', out]
  const { code, output } = await runProgram(process.execPath, [join(root, 'packaging/package.mjs'), ...flags])
  if (code !== 0) throw new Error(`package.mjs: ${output}`)
  const path = (name: string): string =>
    output.split('\n').find((line) => line.includes(`/portreeve-${name}_`) && line.endsWith('.deb')) ?? ''
  return { common: path('common'), portal: path('portal'), gateway: path('gateway'), client: path('client') }
}
