// Sends a built example value provider to venues on this machine: `node -r` this file, in the provider's folder.
// CHRONO_REFERENCE says which: {"feeds": [{"feed", "sources"}], "venues": {name as in ccxt: its address}}.
const { createRequire } = require("module");
const http = require("http");
const net = require("net");

const given = JSON.parse(process.env.CHRONO_REFERENCE);
const ofProvider = createRequire(process.cwd() + "/");

// its list of feeds is a file; another is read in place of it
const readJson = require.extensions[".json"];
require.extensions[".json"] = (module, path) => {
  if (/config[\\/](test-)?feeds\.json$/.test(path)) module.exports = given.feeds;
  else readJson(module, path);
};

// it would listen on every address
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, port, "127.0.0.1", ...rest.filter(each => typeof each === "function"));
};

const moved = (urls, host) =>
  typeof urls === "string"
    ? urls.replace(/^(ws|http)s?:\/\/[^/]*/, `$1://${host}`)
    : Object.fromEntries(Object.entries(urls).map(([key, url]) => [key, moved(url, host)]));

const { pro } = ofProvider("ccxt");
for (const [name, host] of Object.entries(given.venues)) {
  pro[name] = class extends pro[name] {
    constructor(...options) {
      super(...options);
      this.urls.api = moved(this.urls.api, host);
      this.agent = this.httpAgent = new http.Agent({ keepAlive: true });
      // what is served is spot, and says nothing of currencies
      this.has.fetchCurrencies = false;
      this.options.fetchMarkets = { ...this.options.fetchMarkets, types: ["spot"] };
    }
  };
}
