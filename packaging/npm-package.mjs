// The npm package as a tarball, with the addon of the architecture that packages are built for.
import { join } from 'node:path'
import { buildAddon } from './addon.mjs'
import { run } from './steps.mjs'

/** Packs the built clone into `out` and returns the path. The tarball has no times of its own: npm gives all files the same. */
export const packNpm = async ({ root, out, arch, node }) => {
  const file = join(root, `hosts/runtime/native/prebuilds/linux-${arch}/portreeve.napi.glibc.node`)
  await buildAddon({ root, arch, node, file })
  const printed = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', out], { cwd: root })
  return join(out, JSON.parse(printed)[0].filename)
}
