// A real OpenID provider for tests: node provider.js PORT KEYS.json. Says "listening" once it does.
//
// It issues JWT access tokens for the resource urn:godwit and, as `aud`, godwit. The client `service` gets them for itself,
// `app` for a user who logs in, `gateway` in exchange for another token of the user.

import { readFileSync } from "node:fs";

const Provider = (await import("oidc-provider")).default;
const [port, keys] = process.argv.slice(2);
const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const SECRET = "a-secret-of-the-tests";
const REDIRECT = "http://127.0.0.1/callback";
const RESOURCES = { "urn:godwit": "godwit", "urn:other": "other" };

const jwks = JSON.parse(readFileSync(keys, "utf8"));
const resource = (name) => ({
  scope: "query",
  audience: RESOURCES[name],
  accessTokenFormat: "jwt",
  accessTokenTTL: 600,
  jwt: { sign: { alg: jwks.keys[0].alg } },
});
const client = (client_id, grant_types, more = {}) => ({
  client_id,
  client_secret: SECRET,
  grant_types,
  redirect_uris: [],
  response_types: [],
  ...more,
});

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks,
  clients: [
    client("service", ["client_credentials"]),
    client("gateway", [EXCHANGE]),
    client("app", ["authorization_code", "refresh_token"], { redirect_uris: [REDIRECT], response_types: ["code"] }),
  ],
  clientDefaults: { id_token_signed_response_alg: jwks.keys[0].alg },
  cookies: { keys: ["cookies of the tests"] },
  pkce: { required: () => false },
  scopes: ["openid", "offline_access", "query"],
  issueRefreshToken: () => true,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  extraTokenClaims: (_, token) => ({
    sid: token.sessionUid,
    preferred_username: token.accountId && `${token.accountId}.smith`,
    realm_access: { roles: ["offline_access", "analysts"] },
  }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, name) => resource(name),
    },
  },
});

// Whoever comes logs in as `ann` and agrees to everything.
provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith("/interaction/")) return next();
  const { prompt, params, session } = await provider.interactionDetails(ctx.req, ctx.res);
  if (prompt.name === "login") {
    const result = { login: { accountId: "ann" } };
    return provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: false });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  for (const name of [params.resource ?? []].flat()) grant.addResourceScope(name, "query");
  const result = { consent: { grantId: await grant.save() } };
  return provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: true });
});

// RFC 8693, as far as one kind of token for another of the same user goes.
provider.registerGrantType(
  EXCHANGE,
  async (ctx, next) => {
    const { subject_token, resource: name } = ctx.oidc.params;
    const subject = await provider.AccessToken.find(subject_token);
    if (!subject) ctx.throw(400, "invalid_grant");
    const { AccessToken, ResourceServer } = ctx.oidc.provider;
    const token = new AccessToken({
      accountId: subject.accountId,
      client: ctx.oidc.client,
      gty: "token_exchange",
      scope: "query",
    });
    token.resourceServer = new ResourceServer(name, resource(name));
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: "urn:ietf:params:oauth:token-type:jwt",
      token_type: "Bearer",
      expires_in: token.expiration,
    };
    await next();
  },
  ["subject_token", "subject_token_type", "resource"],
);

provider.on("server_error", (_, error) => console.error(error));
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
