// A certified OpenID Connect provider (oidc-provider) on loopback, for tests.
//
//   node provider.mjs READY_FILE
//
// Writes its issuer to READY_FILE once it listens. Beside the provider's own endpoints there are some
// below /test, by which a test says how the provider behaves from here on, or has it sign what no
// honest provider would.

import { generateKeyPairSync, randomUUID, createHmac, createPrivateKey, sign } from 'node:crypto';
import { writeFileSync, renameSync } from 'node:fs';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [, , readyFile] = process.argv;
const RESOURCE = 'urn:weir';
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

// How it behaves; tests change it.
const state = {
  life: 300,          // of tokens, in seconds
  groups: ['ci'],     // of clients and people
  issuer: null,       // what discovery says instead
  redirect: null,     // where discovery sends on
  oversized: false,   // whether the keys fill megabytes
  revoked: [],        // the `jti` of tokens that hold no more
  away: false,        // whether nobody hears if tokens hold
  actor: true,        // whether exchanged tokens name their actor
  counts: {},         // requests by path
};

function newKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' };
}

// The key by which the client `keyed` shows who it is; its private half is the test's.
const clientKey = generateKeyPairSync('ec', { namedCurve: 'P-256' });

let issuer;
let key = newKey();
let provider;

function make() {
  const made = new Provider(issuer, {
    jwks: { keys: [key] },
    clients: [
      {
        client_id: 'weir',
        token_endpoint_auth_method: 'none',
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1/callback'],
        grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
        response_types: ['code'],
      },
      {
        client_id: 'secretive',
        client_secret: 'a+secret with %signs',
        grant_types: ['client_credentials', EXCHANGE],
        redirect_uris: [],
        response_types: [],
      },
      {
        client_id: 'keyed',
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [clientKey.publicKey.export({ format: 'jwk' })] },
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    claims: { openid: ['sub', 'groups'], email: ['email', 'email_verified'], profile: ['name'] },
    scopes: ['openid', 'email', 'profile'],
    conformIdTokenClaims: false,
    ttl: {
      IdToken: () => state.life,
      ClientCredentials: () => state.life,
      AccessToken: () => state.life,
    },
    clientBasedCORS: () => false,
    features: {
      devInteractions: { enabled: true },
      deviceFlow: { enabled: true },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_ctx, client) => (client.clientId === 'weir' ? undefined : RESOURCE),
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'orders',
          audience: 'weir-gate',
          accessTokenFormat: 'jwt',
          accessTokenTTL: state.life,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    extraTokenClaims: () => ({ realm_access: { roles: state.groups } }),
    findAccount: (_ctx, id) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        name: id,
        email: `${id}@example.com`,
        email_verified: id !== 'mallory',
        groups: state.groups,
      }),
    }),
  });
  // RFC 8693, as this library leaves it to who runs it.
  made.registerGrantType(
    EXCHANGE,
    async (ctx) => {
      const { params, client } = ctx.oidc;
      const person = payload(params.subject_token);
      const actor = params.actor_token ? payload(params.actor_token).sub : client.clientId;
      ctx.body = {
        access_token: signed({}, {
          ...base(), sub: person.sub, ...(state.actor ? { act: { sub: actor } } : {}),
        }),
        issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        token_type: 'Bearer',
        expires_in: state.life,
      };
    },
    ['subject_token', 'subject_token_type', 'actor_token', 'actor_token_type',
      'requested_token_type', 'audience', 'resource'],
    [],
  );
  return made.callback();
}

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const payload = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

function base() {
  const now = Math.floor(Date.now() / 1000);
  return {
    iss: issuer, sub: 'ci', aud: 'weir-gate', iat: now, exp: now + state.life, jti: randomUUID(),
    realm_access: { roles: state.groups },
  };
}

// Signs what it is told to, with the provider's key or by what no provider should.
function signed(header, claims, how = 'key') {
  const text = `${part({ alg: 'RS256', kid: key.kid, typ: 'at+jwt', ...header })}.${part(claims)}`;
  const bytes = Buffer.from(text);
  const made = {
    key: () => sign('sha256', bytes, createPrivateKey({ key, format: 'jwk' })),
    another: () => sign('sha256', bytes, createPrivateKey({ key: newKey(), format: 'jwk' })),
    none: () => Buffer.alloc(0),
    // The public key, which everybody knows, as the secret.
    confused: () => createHmac('sha256', JSON.stringify({ kty: 'RSA', n: key.n, e: key.e }))
      .update(bytes).digest(),
  }[how]();
  return `${text}.${made.toString('base64url')}`;
}

const body = async (request) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
};

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, issuer);
  const say = (value, status = 200) => {
    const text = JSON.stringify(value);
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    });
    response.end(text);
  };
  state.counts[pathname] = (state.counts[pathname] ?? 0) + 1;
  if (pathname === '/test/state') {
    Object.assign(state, JSON.parse(await body(request)));
    return say(state);
  }
  if (pathname === '/test/rotate') {
    key = newKey();
    provider = make();
    return say({});
  }
  if (pathname === '/test/client-key') {
    return say({ pem: clientKey.privateKey.export({ format: 'pem', type: 'pkcs8' }) });
  }
  if (pathname === '/test/bundle') {
    const { kty, n, e, kid } = key;
    return say({ keys: [{ kty, n, e, kid, use: 'jwt-svid' }], spiffe_sequence: 1 });
  }
  if (pathname === '/test/sign') {
    const { header, claims, how } = JSON.parse(await body(request));
    const all = { ...base(), ...claims };
    for (const [name, value] of Object.entries(all)) if (value === null) delete all[name];
    return say({ token: signed(header ?? {}, all, how) });
  }
  if (pathname === '/.well-known/openid-configuration' && state.redirect) {
    response.writeHead(302, { location: state.redirect });
    return response.end();
  }
  if (pathname === '/.well-known/openid-configuration' && state.issuer) {
    return say({
      issuer: state.issuer,
      authorization_endpoint: `${issuer}/auth`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    });
  }
  if (pathname === '/jwks' && state.oversized) {
    return say({ keys: [], filler: 'x'.repeat(8 << 20) });
  }
  // The library keeps no account of tokens that it gave as JWT; this host does.
  if (pathname === '/token/introspection' && request.method === 'POST') {
    if (state.away) return request.socket.destroy();
    const token = new URLSearchParams(await body(request)).get('token') ?? '';
    if (!request.headers.authorization?.startsWith('Basic ')) return say({ error: 'invalid_client' }, 401);
    return say({ active: !state.revoked.includes(payload(token).jti) });
  }
  return provider(request, response);
});

server.listen(0, '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  provider = make();
  writeFileSync(`${readyFile}.new`, issuer);
  renameSync(`${readyFile}.new`, readyFile);
});
