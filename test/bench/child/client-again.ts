// A client that runs over and over in one process, like one whose user signs out and in again: `client-again CONFIG`.
// It starts for each line `{"token"}` on standard input, prints `connected` when it is, and `ended REASON` once it has
// ended and cleaned up.
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { Secret } from '../../../core/runtime/secret.ts'
import { readConfig } from '../../../hosts/cli/read-config.ts'
import { ClientConfig } from '../../../hosts/client/config.ts'
import { startClient } from '../../../hosts/client/main.ts'
import { createPluginModules } from '../../../hosts/runtime/plugin-modules.ts'
import { packageVersion } from '../../../hosts/runtime/process/package-root.ts'

const file = process.argv[2] ?? ''
const { config } = await readConfig({ schema: ClientConfig, file, fallback: 'client.yaml', env: {} })
const modules = createPluginModules(file)
const say = (text: string): void => void process.stdout.write(`${text}\n`)

const runOnce = async (token: string): Promise<string> => {
  const running = await startClient({ config, token: new Secret(token), modules, version: packageVersion() })
  const over = new AbortController()
  const ended = running.ended.finally(() => over.abort())
  while (!over.signal.aborted && running.status().state !== 'connected') await pause(5)
  if (!over.signal.aborted) say('connected')
  const { reason, detail } = await ended
  await running.stop()
  return detail === undefined ? reason : `${reason}: ${detail}`
}

for await (const line of createInterface({ input: process.stdin })) {
  const { token } = JSON.parse(line) as { token: string }
  say(`ended ${await runOnce(token).catch((error: unknown) => String(error))}`)
}
process.exit()
