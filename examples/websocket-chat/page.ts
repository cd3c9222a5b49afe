// What the browser shows: the lines that were said, and a line to say the next one.

export const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>A chat over UDP</title>
<style>
  body { font: 1rem/1.5 system-ui; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
  input { font: inherit; width: 100%; padding: .5rem; box-sizing: border-box }
</style>
<div id="lines"></div>
<form><input autofocus placeholder="Say something" autocomplete="off"></form>
<script>
  const name = 'guest ' + Math.floor(Math.random() * 1000)
  const room = new WebSocket('ws://' + location.host)
  const input = document.querySelector('input')
  const show = (text) => {
    const line = document.createElement('div')
    line.textContent = text
    document.querySelector('#lines').append(line)
  }
  room.onopen = () => room.send(name + ' is here')
  room.onmessage = ({ data }) => show(data)
  room.onclose = () => show('the room is closed')
  document.querySelector('form').onsubmit = (event) => {
    event.preventDefault()
    room.send(name + ': ' + input.value)
    input.value = ''
  }
</script>
`
