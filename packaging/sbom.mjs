// Lists of parts (SBOM, CycloneDX) by `npm sbom`, without what differs from run to run.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { NODE } from './node-runtime.mjs'
import { run } from './steps.mjs'

/** Returns npm's list of what the npm package depends on, with a time and a serial number that follow from the contents. */
export const npmParts = async (root, epoch) => {
  const flags = ['--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only']
  const parts = JSON.parse(await run('npm', ['sbom', ...flags], { cwd: root }))
  parts.metadata.component.name = 'portreeve'
  parts.metadata.timestamp = new Date(epoch * 1000).toISOString()
  // npm's own --omit=dev leaves out a package that something for developers needs as well, koa for one.
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const kept = new Set(
    Object.entries(packages)
      .filter(([path, { dev }]) => path !== '' && dev !== true)
      .map(([path, { version }]) => `${path.replace(/.*node_modules\//, '')}@${version}`),
  )
  return withSerial(withOnly(parts, (ref) => kept.has(ref)))
}

/** Leaves parts out, and what depends on them. */
const withOnly = (parts, isKept) => ({
  ...parts,
  components: parts.components.filter((one) => isKept(one['bom-ref'])),
  dependencies: parts.dependencies
    .filter(({ ref }) => ref === parts.metadata.component['bom-ref'] || isKept(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter(isKept) })),
})

/** Returns the list of what the package portreeve-common has in it: some of those npm packages, and Node.js. */
export const debianParts = (parts, { packages, arch }) => {
  const kept = new Set(packages.map(({ name, version }) => `${name}@${version}`))
  const isKept = (ref) => kept.has(ref)
  const root = parts.metadata.component['bom-ref']
  const node = {
    'bom-ref': `node@${NODE.version}`,
    type: 'platform',
    name: 'node',
    version: NODE.version,
    scope: 'required',
    purl: `pkg:npm/node-linux-${arch}@${NODE.version}`,
    hashes: [
      { alg: 'SHA-512', content: Buffer.from(NODE.integrity[arch].replace('sha512-', ''), 'base64').toString('hex') },
    ],
  }
  return withSerial({
    ...parts,
    components: [node, ...parts.components.filter((one) => isKept(one['bom-ref']))],
    dependencies: parts.dependencies
      .filter(({ ref }) => ref === root || isKept(ref))
      .map(({ ref, dependsOn = [] }) => ({
        ref,
        dependsOn: [...dependsOn.filter(isKept), ...(ref === root ? [node['bom-ref']] : [])],
      })),
  })
}

export const writeParts = (file, parts) => writeFileSync(file, `${JSON.stringify(parts, undefined, 2)}\n`)

const withSerial = (parts) => {
  const { serialNumber: _, ...rest } = parts
  const hex = createHash('sha256').update(JSON.stringify(rest)).digest('hex')
  // A UUID of version 8, whose bits are whatever its maker likes (RFC 9562).
  const serial = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
  return { ...parts, serialNumber: `urn:uuid:${serial}` }
}
