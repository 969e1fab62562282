// Sets the resolver of its namespace, see resolver-configuration.test.ts: `set` and waits to be killed, `set-and-restore`, or `recover`.
import { readFileSync } from 'node:fs'
import { createResolverConfiguration, createSystemResolvers } from '../../../hosts/runtime/index.ts'

const resolver = createResolverConfiguration()
const servers = createSystemResolvers()
const report = (): void => {
  process.stdout.write(
    `${JSON.stringify({ file: readFileSync('/etc/resolv.conf', 'utf8'), servers: servers.servers() })}\n`,
  )
}

if (process.argv[2] !== 'recover') {
  await resolver.set({ device: 'lo', servers: ['100.100.111.1'], searchDomain: 'example.org' })
  report()
}
if (process.argv[2] === 'set') setInterval(() => undefined, 1_000)
else {
  await resolver.restore()
  report()
}
