// Sets the resolver of its namespace, see resolver-configuration.test.ts, or the file that is named, see
// resolv-conf-trouble.test.ts. Arguments: `set` waits to be killed, `set-and-restore`, `recover`.
import { readFileSync } from 'node:fs'
import { createResolverConfiguration, createSystemResolvers } from '../../../hosts/runtime/index.ts'

const [, , what, path = '/etc/resolv.conf'] = process.argv
const resolver = createResolverConfiguration({ path })
const servers = createSystemResolvers({ path })
const report = (): void => {
  process.stdout.write(`${JSON.stringify({ file: readFileSync(path, 'utf8'), servers: servers.servers() })}\n`)
}

if (what !== 'recover') {
  await resolver.set({ device: 'lo', servers: ['100.100.111.1'], searchDomain: 'example.org' })
  report()
}
if (what === 'set') setInterval(() => undefined, 1_000)
else {
  await resolver.restore()
  report()
}
