// The page that signs people in, for the lab only: it takes everybody for Ada.
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'

const SECRET = 'only-for-the-lab-only-for-the-lab'
const EMAIL = 'ada@example.org'

createServer(({ url }, answer) => {
  const asked = new URL(url, 'http://services.example.org').searchParams
  const back = new URL(asked.get('return_to'))
  const ticket = createHmac('sha256', SECRET)
    .update(`${asked.get('state')}\n${EMAIL}`)
    .digest('hex')
  back.searchParams.set('state', asked.get('state'))
  back.searchParams.set('email', EMAIL)
  back.searchParams.set('ticket', ticket)
  answer.writeHead(302, { location: back.href }).end()
}).listen(8000, () => console.log('ready'))
