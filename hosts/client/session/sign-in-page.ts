import { createHash } from 'node:crypto'
import type { OutgoingHttpHeaders } from 'node:http'

/** Page served by the client to the browser that signs in. */
export interface SignInPage {
  title: string
  text: string
}

/** Returns a page as HTML that loads no resources and needs no script. */
export const signInPage = ({ title, text }: SignInPage): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)} · Portreeve</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
<p role="status">${escaped(text)}</p>
</main>
</body>
</html>
`

const STYLE = `:root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}
body{margin:0;padding:1.5rem}
main{max-width:32rem;margin:10vh auto 0}
h1{font-size:1.5rem;line-height:1.25}
p{overflow-wrap:anywhere}`

/** Headers of the pages: no active content, no caching, no referrer. */
export const PAGE_HEADERS: OutgoingHttpHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  connection: 'close',
}

const escaped = (text: string): string =>
  text.slice(0, 500).replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
