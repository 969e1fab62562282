// Module of the thread of an isolated plugin: loads the plugin, and gives it ports of this thread. Log and metrics are the host's.
import { join } from 'node:path'
import { workerData } from 'node:worker_threads'
import { createContainer } from '../../core/di.ts'
import { IsolatedImplementations } from '../../core/plugin/isolated-implementations.ts'
import { loadPlugin } from '../../core/plugin/load-plugins.ts'
import { Clock } from '../../core/runtime/clock.ts'
import { HttpClient } from '../../core/runtime/http-client.ts'
import { Logger } from '../../core/runtime/logger.ts'
import { Metrics } from '../../core/runtime/metrics.ts'
import { Random } from '../../core/runtime/random.ts'
import { SecretFiles } from '../../core/runtime/secret-files.ts'
import { TrustedAuthorities } from '../../core/runtime/trusted-authorities.ts'
import { SystemClock } from '../runtime/clock.ts'
import { NodeHttpClient } from '../runtime/http-client.ts'
import { post, runThread } from '../runtime/isolated/run-thread.ts'
import { ThreadLogger, ThreadMetrics } from '../runtime/isolated/thread-ports.ts'
import { permitInternetAnd } from '../runtime/permitted-addresses.ts'
import { packageFinder } from '../runtime/plugin-modules.ts'
import { SystemRandom } from '../runtime/random.ts'
import { FolderSecretFiles } from '../runtime/secret-file.ts'
import { TrustedCertificates } from '../runtime/trusted-certificates.ts'
import type { IsolatedWorkerSetUp } from './isolated-worker-set-up.ts'

await runThread(async () => {
  const { entry, source, context, privateNetworks, proxyResolvesNames } = workerData as IsolatedWorkerSetUp
  const container = createContainer()
  container.value(Clock, new SystemClock())
  container.value(Random, new SystemRandom())
  container.value(Logger, new ThreadLogger(post))
  container.value(Metrics, new ThreadMetrics(post))
  container.value(TrustedAuthorities, new TrustedCertificates({}))
  container.value(HttpClient, new NodeHttpClient({ permits: permitInternetAnd(privateNetworks), proxyResolvesNames }))
  container.value(SecretFiles, new FolderSecretFiles(context.folder))
  const use = await loadPlugin(entry, source, packageFinder(join(context.folder, 'portal.yaml')))
  return new IsolatedImplementations(use, { container, context })
})
