// Somebody at a browser, for tests: opens a page of the provider's, fills in what it asks for, and
// goes on until there is nothing left to do.
//
//   node browser.mjs URL NAME

const [, , start, name] = process.argv;
const cookies = new Map();

async function open(url, form) {
  const own = new URL(url).origin === new URL(start).origin;
  const response = await fetch(url, {
    method: form ? 'POST' : 'GET',
    body: form,
    redirect: 'manual',
    headers: own ? { cookie: [...cookies].map(([k, v]) => `${k}=${v}`).join('; ') } : {},
  });
  for (const cookie of response.headers.getSetCookie()) {
    const [, key, value] = /^([^=]+)=([^;]*)/.exec(cookie);
    if (value) cookies.set(key, value); else cookies.delete(key);
  }
  return response;
}

let url = start;
let form;
for (let step = 0; step < 30; step += 1) {
  const response = await open(url, form);
  form = undefined;
  const onward = response.headers.get('location');
  if (onward) {
    url = new URL(onward, url).href;
    continue;
  }
  const page = await response.text();
  const action = /<form[^>]*action="([^"]*)"/.exec(page);
  if (!action) {
    console.log(response.status);
    process.exit(response.ok ? 0 : 1);
  }
  url = new URL(action[1].replaceAll('&amp;', '&'), url).href;
  form = new URLSearchParams();
  for (const [, input] of page.matchAll(/<input([^>]*)>/g)) {
    const of = (attribute) => new RegExp(`${attribute}="([^"]*)"`).exec(input)?.[1];
    if (of('name')) form.set(of('name'), of('value') ?? '');
  }
  if (form.has('login')) {
    form.set('login', name);
    form.set('password', 'any');
  }
}
console.error('it never ends');
process.exit(1);
