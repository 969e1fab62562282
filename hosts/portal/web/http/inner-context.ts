import type Koa from 'koa'
import type { Context } from 'koa'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'

/** Makes the context of a request that nobody sent: whatever is answered stays in it. */
export const innerContext = (
  app: Koa,
  { method, url, headers = {} }: { method: string; url: string; headers?: Readonly<Record<string, string>> },
): Context => {
  const request = new IncomingMessage(new Socket())
  request.method = method
  request.url = url
  Object.assign(request.headers, headers)
  return app.createContext(request, new ServerResponse(request))
}
