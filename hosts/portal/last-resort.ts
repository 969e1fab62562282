import { AsyncLocalStorage } from 'node:async_hooks'
import type { ServerResponse } from 'node:http'
import type { PluginLog } from '../../core/plugin/plugin-log.ts'
import type { Startable } from '../../core/runtime/lifecycle.ts'
import type { Logger } from '../../core/runtime/logger.ts'
import type { PluginFolders } from '../runtime/process/plugin-folders.ts'

const BODY = JSON.stringify({
  type: 'about:blank',
  title: 'Internal error',
  status: 500,
  code: 'internal',
  detail: 'Something went wrong in the portal.',
})

/**
 * Handles errors that nobody caught: logs each, answers the HTTP request in which it happened, and keeps the portal
 * running. Every log line of it shows a bug, of a plugin if it names one; no part of the portal relies on it.
 */
export class LastResort implements Startable {
  readonly #options: { logger: Logger; pluginLog: PluginLog; folders: PluginFolders }
  readonly #requests = new AsyncLocalStorage<ServerResponse>()

  constructor(options: { logger: Logger; pluginLog: PluginLog; folders: PluginFolders }) {
    this.#options = options
  }

  start(): void {
    process.on('uncaughtException', this.#caught)
    process.on('unhandledRejection', this.#caught)
  }

  stop(): void {
    process.off('uncaughtException', this.#caught)
    process.off('unhandledRejection', this.#caught)
  }

  /**
   * Runs `work` so that an unhandled error in it, or in anything asynchronous that it starts, is answered on
   * `response`.
   */
  watch(response: ServerResponse, work: () => void): void {
    this.#requests.run(response, work)
  }

  readonly #caught = (error: unknown): void => {
    const { logger, pluginLog, folders } = this.#options
    const plugin = folders.pluginOf(error)
    const message = 'an error that nobody handled: the portal goes on'
    if (plugin === undefined) logger.error({ error }, message)
    else pluginLog.failed({ plugin, call: 'its own work', error, message })
    const response = this.#requests.getStore()
    if (response === undefined || response.writableEnded || response.destroyed) return
    if (response.headersSent) {
      response.destroy()
      return
    }
    response
      .writeHead(500, { 'Content-Type': 'application/problem+json; charset=utf-8', Connection: 'close' })
      .end(BODY)
  }
}
