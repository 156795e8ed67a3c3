package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each row edits base and gives the whole text of the error.
var wrong = []struct{ why, old, replacement, want string }{
	{
		"a slip of the pen: one problem, not also a missing key",
		"  bot_token: ref",
		"  bot_tokn: ref",
		`c.yaml:2: slack: there is no key "bot_tokn"; did you mean bot_token?`,
	},
	{
		"dashes for underscores",
		"  bot_token: ref",
		"  bot-token: ref",
		`c.yaml:2: slack: there is no key "bot-token"; did you mean bot_token?`,
	},
	{
		"camel case",
		"  bot_token: ref",
		"  botToken: ref",
		`c.yaml:2: slack: there is no key "botToken"; did you mean bot_token?`,
	},
	{
		"a key of another section",
		"  app_token: ref+env://APP\n",
		`  app_token: ref+env://APP
  lease: 1m
`,
		`c.yaml:4: slack: there is no key "lease" here; it belongs under run`,
	},
	{
		"a key known in several places",
		"user: root",
		`user: root
    quorum: 1
    token: x`,
		`c.yaml:13: logins item 1: there is no key "quorum" here; it belongs under rules
c.yaml:14: logins item 1: there is no key "token" here; it belongs under vault or under bm.read_key or under bm.run_key or under logins.run_key`,
	},
	{
		"a key like nothing is not shown, it may be a secret",
		"redis:\n",
		`hunter2: x
redis:
`,
		`c.yaml:4: there is no such key; the keys at the top are slack, redis, vault, bm, bots, run, limits, keep, logins, rules, log`,
	},
	{
		"a secret as a key under its setting",
		"  bot_token: ref+env://BOT",
		"  bot_token: {hunter2: x}",
		`c.yaml:2: slack.bot_token: this must be a reference to a secret; write ref+vault://mount/path#/field, ref+file:///absolute/path or ref+env://NAME`,
	},
	{
		"a key that is no text",
		"redis:\n",
		`1: x
redis:
`,
		`c.yaml:4: there is no such key; the keys at the top are slack, redis, vault, bm, bots, run, limits, keep, logins, rules, log`,
	},
	{
		"a key given twice",
		"redis:\n",
		`slack: {}
redis:
`,
		`c.yaml:4: slack: this key is given twice, first on line 1; keep one`,
	},
	{
		"a list item's key given twice",
		"    user: root\n",
		`    user: root
    user: admin
`,
		`c.yaml:13: logins.user: this key is given twice, first on line 12; keep one`,
	},
	{
		"several problems, all said, by line",
		`  bot_token: ref+env://BOT
  app_token: ref+env://APP
redis:
  addresses: ["127.0.0.1:6379"]`,
		`  app_token: hunter2
redis:
  db: one
  tls: yes`,
		`c.yaml:1: slack.bot_token: this is missing; write a reference to the bot's token (xoxb-…)
c.yaml:2: slack.app_token: not a usable reference: it does not begin with ref+, and a secret is never written out (the value is not shown here); write ref+vault://mount/path#/field, ref+file:///absolute/path or ref+env://NAME
c.yaml:3: redis.addresses: this is missing; write host:port of the server, of the Sentinels or of cluster nodes
c.yaml:4: redis.db: this must be a whole number such as 1, without quotes
c.yaml:5: redis.tls: this must be true or false, without quotes`,
	},
	{
		"a section is missing",
		`redis:
  addresses: ["127.0.0.1:6379"]
`,
		"",
		`c.yaml:1: redis: this is missing; say where requests are kept, with addresses`,
	},
	{
		"keys under a section are missing",
		"{id: ref+env://RUN_ID, secret: ref+env://RUN_SECRET}",
		"{}",
		`c.yaml:8: bm.run_key.id: this is missing; write a reference to the SecretId
c.yaml:8: bm.run_key.secret: this is missing; write a reference to the SecretKey`,
	},
	{
		"a section without a value",
		`slack:
  bot_token: ref+env://BOT
  app_token: ref+env://APP
`,
		"slack:\n",
		`c.yaml:1: slack: this must be keys with values; the keys are bot_token, app_token, api_url, command, shared_channels`,
	},
	{
		"a key without a value",
		"    user: root",
		"    user:",
		`c.yaml:12: logins.user: there is no value; write one, or remove the key if it can be left out`,
	},
	{
		"a list whose lines are all comments",
		`    hosts: ["ins-*"]`,
		"    hosts:\n    #  - ins-1",
		`c.yaml:11: logins.hosts: this must be a list of patterns, or keys tags and names; write the list in [ ] or as lines that begin with -`,
	},
	{
		"a list item without a value",
		`["ins-*"]`,
		`
      - ins-1
      -`,
		`c.yaml:13: logins.hosts item 2: there is no value; write one, or remove the key if it can be left out`,
	},
	{
		"text for a section",
		"run_key: {id: ref+env://RUN_ID, secret: ref+env://RUN_SECRET}",
		"run_key: hunter2",
		`c.yaml:8: bm.run_key: this must be keys with values; the keys are id, secret, token`,
	},
	{
		"a list for a section",
		`redis:
  addresses: ["127.0.0.1:6379"]`,
		"redis:\n  - a",
		`c.yaml:4: redis: this must be keys with values; the keys are addresses, master, cluster, username, password, tls, db, durability, replicas`,
	},
	{
		"text for a list",
		`["ins-*"]`,
		"ins-*",
		`c.yaml:11: logins.hosts: this must be a list of patterns, or keys tags and names; write the list in [ ] or as lines that begin with -`,
	},
	{
		"a number for text",
		"    user: root",
		"    user: 0",
		`c.yaml:12: logins.user: this must be text; put it in quotes`,
	},
	{
		"keys for text",
		"    user: root",
		"    user: {a: b}",
		`c.yaml:12: logins.user: this must be one text, not a list or keys`,
	},
	{
		"a list for text",
		"    user: root",
		"    user: [root]",
		`c.yaml:12: logins.user: this must be one text, not a list or keys`,
	},
	{
		"text for a number",
		"    ask: anyone",
		`    quorum: "2"
    ask: anyone`,
		`c.yaml:17: rules.quorum: this must be a whole number such as 1, without quotes`,
	},
	{
		"a fraction for a number",
		"    ask: anyone",
		"    quorum: 1.5\n    ask: anyone",
		`c.yaml:17: rules.quorum: this must be a whole number such as 1, without quotes`,
	},
	{
		"octal is read differently by different readers",
		"redis:\n",
		`redis:
  db: 010
`,
		`c.yaml:5: redis.db: this must be a whole number such as 1, without quotes`,
	},
	{
		"text for true or false",
		"redis:\n",
		`redis:
  tls: "true"
`,
		`c.yaml:5: redis.tls: this must be true or false, without quotes`,
	},
	{
		"an API version without quotes is a fraction",
		"bm:\n",
		`bm:
  api: 2.0
`,
		`c.yaml:7: bm.api: this must be text; put it in quotes`,
	},
	{
		"text of two lines",
		"    user: root",
		"    user: |\n      root",
		`c.yaml:12: logins.user: this holds a line end or a character that cannot be seen; type it again on one line`,
	},
	{
		"an invisible character",
		"    user: root",
		`    user: "ro\u200bot"`,
		`c.yaml:12: logins.user: this holds a line end or a character that cannot be seen; type it again on one line`,
	},
	{
		"a space at the end",
		"    user: root",
		`    user: "root "`,
		`c.yaml:12: logins.user: this begins or ends with a space; remove it`,
	},
	{
		"a literal token",
		"ref+env://BOT",
		"xoxb-hunter2",
		`c.yaml:2: slack.bot_token: not a usable reference: it does not begin with ref+, and a secret is never written out (the value is not shown here); write ref+vault://mount/path#/field, ref+file:///absolute/path or ref+env://NAME`,
	},
	{
		"a number for a secret",
		"ref+env://WEB_ROOT",
		"12345678",
		`c.yaml:13: logins.password: this must be a reference to a secret; write ref+vault://mount/path#/field, ref+file:///absolute/path or ref+env://NAME`,
	},
	{
		"an empty secret",
		"ref+env://WEB_ROOT",
		`""`,
		`c.yaml:13: logins.password: not a usable reference: it is empty; write ref+vault://mount/path#/field, ref+file:///absolute/path or ref+env://NAME`,
	},
	{
		"keys for a secret",
		"ref+env://WEB_ROOT",
		"{value: hunter2}",
		`c.yaml:13: logins.password: this must be a reference to a secret; write ref+vault://mount/path#/field, ref+file:///absolute/path or ref+env://NAME`,
	},
	{
		"a list for a secret",
		"ref+env://WEB_ROOT",
		"[hunter2]",
		`c.yaml:13: logins.password: this must be a reference to a secret; write ref+vault://mount/path#/field, ref+file:///absolute/path or ref+env://NAME`,
	},
	{
		"a reference of another kind",
		"ref+env://WEB_ROOT",
		"ref+awssecrets://hunter2",
		`c.yaml:13: logins.password: not a usable reference: its scheme is none of vault, file, env; write ref+vault://mount/path#/field, ref+file:///absolute/path or ref+env://NAME`,
	},
	{
		"a reference without a field",
		"ref+env://WEB_ROOT",
		"ref+vault://secret/bm",
		`c.yaml:13: logins.password: not a usable reference: ref+vault names no field; write #/field at its end`,
	},
	{
		"a reference with credentials in it",
		"ref+env://WEB_ROOT",
		"ref+vault://secret/bm?token=hunter2#/x",
		`c.yaml:13: logins.password: not a usable reference: only ?version=N may stand in the query of ref+vault; server, namespace and login are set once, in the config`,
	},
	{
		"the path of the HTTP API",
		"ref+env://WEB_ROOT",
		"ref+vault://secret/data/bm#/x",
		`c.yaml:13: logins.password: not a usable reference: /data/ is not part of a reference, it is added when reading; write ref+vault://secret/bm#/x`,
	},
	{
		"days are no unit",
		"bm:\n",
		`bm:
  timeout: 1d
`,
		`c.yaml:7: bm.timeout: this is not a duration; write a number with s, m or h, such as 30s, 2m or 720h (30 days)`,
	},
	{
		"a duration without a unit",
		"bm:\n",
		`bm:
  timeout: 10
`,
		`c.yaml:7: bm.timeout: this is not a duration; write a number with s, m or h, such as 30s, 2m or 720h (30 days)`,
	},
	{
		"a duration of nothing",
		"bm:\n",
		`bm:
  timeout: 0s
`,
		`c.yaml:7: bm.timeout: this must be longer than nothing; write a duration such as 30s, 2m or 720h`,
	},
	{
		"a duration below nothing",
		"bm:\n",
		`run: {dispatch_within: -1m}
bm:
`,
		`c.yaml:6: run.dispatch_within: this must be longer than nothing; write a duration such as 30s, 2m or 720h`,
	},
	{
		"a level that is none",
		"slack:\n",
		`log: {level: verbose}
slack:
`,
		`c.yaml:1: log.level: this must be debug, info, warn or error`,
	},
	{
		"a format that is none",
		"slack:\n",
		`log: {format: xml}
slack:
`,
		`c.yaml:1: log.format: this must be json or text`,
	},
	{
		"an anchor",
		"user: root",
		"user: &u root",
		`c.yaml:12: logins.user: anchors (&) and aliases (*) are not taken; write the value out, in quotes if it begins with & or *`,
	},
	{
		"an alias",
		"    user: root",
		"    user: *u",
		`c.yaml:12: logins.user: anchors (&) and aliases (*) are not taken; write the value out, in quotes if it begins with & or *`,
	},
	{
		"an unquoted star",
		`["ins-*"]`,
		"[*]",
		`c.yaml:11: a value is missing here, or begins with * & or % and needs quotes, such as "*"`,
	},
	{
		"a merge key",
		"    ask: anyone",
		"    <<: {ask: anyone}",
		`c.yaml:15: rules.ask: it names nobody; name users or groups, or say anyone
c.yaml:17: rules item 1: merge keys (<<) are not taken; write the keys out`,
	},
	{
		"a tag",
		"user: root",
		"user: !!str root",
		`c.yaml:12: logins.user: tags (!) are not taken; write the value without one, in quotes if it begins with !`,
	},
	{
		"a directive",
		"slack:\n",
		`%YAML 1.2
---
slack:
`,
		`c.yaml:1: directives (lines that begin with %) are not taken; remove it`,
	},
	{
		"a second document",
		"rules:\n",
		`---
rules:
`,
		`c.yaml:15: a second YAML document begins here; a config is one, so join them or remove the line ---`,
	},
	{
		"a quote left open",
		"user: root",
		`user: "hunter2`,
		`c.yaml:12: a quote is opened here and never closed; close it`,
	},
	{
		"a bracket left open",
		`["ins-*"]`,
		`["ins-*"`,
		`c.yaml:12: a comma or a closing bracket is missing; add it here or on the line before`,
	},
	{
		"a brace left open",
		"{users: [U0BOB, U0CAROL]}",
		"{users: [U0BOB, U0CAROL]",
		`c.yaml:18: a bracket is opened here and never closed; close it`,
	},
	{
		"a bracket too many",
		`["ins-*"]`,
		`"ins-*"]`,
		`c.yaml:11: this does not fit the lines around it; look at the indentation, and put a value that holds ": " in quotes`,
	},
	{
		"indentation by tab",
		"    user: root",
		"\tuser: root",
		`c.yaml:12: a tab stands where only spaces may; indent with spaces`,
	},
	{
		"a value with a colon",
		"user: root",
		"user: root: hunter2",
		`c.yaml:12: this does not fit the lines around it; look at the indentation, and put a value that holds ": " in quotes`,
	},
	{
		"a line that is no key",
		"    user: root",
		"    hunter2",
		`c.yaml:12: this line is no "key: value"; add the colon and a space, or look at the indentation`,
	},
	{
		"an unquoted handle",
		"U0BOB,",
		"@bob,",
		"c.yaml:18: a value cannot begin with @ or `; put it in quotes (and where Slack ids are meant, a handle such as @oncall will not do)",
	},
	{
		"a directive in the middle",
		"rules:\n",
		`%hunter2
rules:
`,
		`c.yaml:14: a value cannot begin with %; put it in quotes`,
	},
	{
		"an ampersand alone",
		"user: root",
		"user: &",
		`c.yaml:12: this does not fit the lines around it; look at the indentation, and put a value that holds ": " in quotes`,
	},
	{
		"not UTF-8",
		"user: root",
		"user: r\xfft",
		`c.yaml:12: this line is not UTF-8 text or holds a zero byte; save the file as UTF-8`,
	},
	{
		"a zero byte",
		"user: root",
		"user: r\x00t",
		`c.yaml:12: this line is not UTF-8 text or holds a zero byte; save the file as UTF-8`,
	},
	{
		"a shared channel by its name",
		"slack:\n",
		`slack:
  shared_channels: ["#partners", C0PARTNERS]
`,
		`c.yaml:2: slack.shared_channels item 1: names and handles are not taken, since they can change hands; write a channel's id (C… or G…): in Slack, press the channel's name and look at the end of About`,
	},
	{
		"no slash",
		"slack:\n",
		`slack:
  command: bmcmd
`,
		`c.yaml:2: slack.command: this is no slash command; write / and up to 31 small letters, digits, - or _, such as /bmcmd`,
	},
	{
		"not a URL",
		"slack:\n",
		`slack:
  api_url: slack.com
`,
		`c.yaml:2: slack.api_url: this is not the URL of a server; write it as https://slack.com/api/`,
	},
	{
		"plain http to another machine",
		"slack:\n",
		`slack:
  api_url: http://slack.com/api/
`,
		`c.yaml:2: slack.api_url: plain http would send secrets readable over the network; use https (http is for this machine only)`,
	},
	{
		"a password in a URL",
		"bm:\n",
		`bm:
  endpoint: https://me:hunter2@bm.api.qcloud.com/v2/index.php
`,
		`c.yaml:7: bm.endpoint: this URL holds a user or a password; remove it, secrets have their own keys`,
	},
	{
		"a query in a URL",
		"bm:\n",
		`bm:
  endpoint: https://bm.api.qcloud.com/v2/index.php?a=hunter2
`,
		`c.yaml:7: bm.endpoint: this URL holds a query or a fragment; leave only scheme, host, port and path`,
	},
	{
		"one token for both",
		"ref+env://APP",
		"ref+env://BOT",
		`c.yaml:3: slack.app_token: this is the same reference as bot_token; they are two tokens, xoxb-… and xapp-…`,
	},
	{
		"a Redis URL",
		"127.0.0.1:6379",
		"redis://:hunter2@redis:6379/0",
		`c.yaml:5: redis.addresses item 1: this must be host:port, not a URL; user name and password have their own keys, username and password`,
	},
	{
		"a Redis address with a password",
		"127.0.0.1:6379",
		":hunter2@redis:6379",
		`c.yaml:5: redis.addresses item 1: this must be host:port, not a URL; user name and password have their own keys, username and password`,
	},
	{
		"a Redis address without a port",
		"127.0.0.1:6379",
		"redis",
		`c.yaml:5: redis.addresses item 1: this must be host:port, such as 127.0.0.1:6379`,
	},
	{
		"a Redis address without a host",
		"127.0.0.1:6379",
		":6379",
		`c.yaml:5: redis.addresses item 1: this must be host:port, such as 127.0.0.1:6379`,
	},
	{
		"no Redis address",
		`["127.0.0.1:6379"]`,
		"[]",
		`c.yaml:5: redis.addresses: the list is empty; write host:port, such as 127.0.0.1:6379`,
	},
	{
		"several addresses of what?",
		`["127.0.0.1:6379"]`,
		"[a:1, b:2]",
		`c.yaml:5: redis.addresses: there are several addresses of one server; set cluster: true for a cluster, or master: for Sentinel`,
	},
	{
		"Sentinel and cluster",
		"redis:\n",
		`redis:
  cluster: true
  master: main
`,
		`c.yaml:6: redis.master: master is for Sentinel and cluster is for a cluster; keep the one that you have`,
	},
	{
		"a cluster has one database",
		"redis:\n",
		`redis:
  cluster: true
  db: 1
`,
		`c.yaml:6: redis.db: a cluster has only db 0; remove this key`,
	},
	{
		"a database below nothing",
		"redis:\n",
		`redis:
  db: -1
`,
		`c.yaml:5: redis.db: this must be 0 or more`,
	},
	{
		"a reference needs a vault that is not there",
		"ref+env://APP",
		"ref+vault://secret/a#/b",
		`c.yaml:3: slack.app_token: ref+vault needs a vault; add the section vault, with address and token`,
	},
	{
		"an empty vault section",
		"slack:\n",
		`vault: {}
slack:
`,
		`c.yaml:1: vault.address: this is missing; write the vault's URL, such as https://vault.example.com:8200
c.yaml:1: vault.token: this is missing; write a reference to the vault's own token, such as ref+file:///run/secrets/vault-token`,
	},
	{
		"the vault's token in the vault",
		"slack:\n",
		`vault: {address: https://v, token: ref+vault://secret/a#/b}
slack:
`,
		`c.yaml:1: vault.token: the vault's own token cannot be in the vault; use ref+file or ref+env`,
	},
	{
		"everything else about the vault",
		"slack:\n",
		`vault: {address: http://v, token: ref+env://V, namespace: a b, ca_file: ca.pem, mounts: [/kv/]}
slack:
`,
		`c.yaml:1: vault.address: plain http would send secrets readable over the network; use https (http is for this machine only)
c.yaml:1: vault.ca_file: this must be an absolute path, so that it is the same wherever the bot is started
c.yaml:1: vault.namespace: a namespace has no spaces; write it as in team-a or parent/child
c.yaml:1: vault.mounts item 1: this is no mount; write it without / at its ends, such as secret or team/kv`,
	},
	{
		"an unknown API",
		"bm:\n",
		`bm:
  api: "3"
  endpoint: https://bm.tencentcloudapi.com
`,
		`c.yaml:7: bm.api: this must be "2.0" or "3.0", in quotes, or tat`,
	},
	{
		"API 3.0 without a region, and with what only 2.0 has",
		"bm:\n",
		`bm:
  api: "3.0"
  array_key: instanceId
  signature: HmacSHA256
  reads_by_get: false
`,
		`c.yaml:6: bm.region: this is missing, and API 3.0 needs it; write one such as ap-beijing
c.yaml:8: bm.array_key: this is for API 2.0 only; remove the key
c.yaml:9: bm.signature: this is for API 2.0 only; remove the key
c.yaml:10: bm.reads_by_get: this is for API 2.0 only; remove the key`,
	},
	{
		"API 3.0 with an empty region, at 2.0's place",
		"bm:\n",
		`bm:
  api: "3.0"
  region: ""
  endpoint: https://bm.api.qcloud.com/v2/index.php
`,
		`c.yaml:8: bm.region: API 3.0 needs a region; write one such as ap-beijing
c.yaml:9: bm.endpoint: this is where API 2.0 answers; remove the key`,
	},
	{
		"API 3.0 with a path",
		"bm:\n",
		`bm:
  api: "3.0"
  region: ap-beijing
  endpoint: https://bm.tencentcloudapi.com/v2/index.php
`,
		`c.yaml:9: bm.endpoint: API 3.0 has no path; write it as https://bm.tencentcloudapi.com`,
	},
	{
		"API 2.0 at 3.0's place",
		"bm:\n",
		`bm:
  endpoint: https://bm.tencentcloudapi.com
`,
		`c.yaml:7: bm.endpoint: this is where API 3.0 answers; set api: "3.0", or remove the key`,
	},
	{
		"an API without quotes is one problem",
		"bm:\n",
		`bm:
  api: 3.0
  endpoint: https://bm.tencentcloudapi.com
`,
		`c.yaml:7: bm.api: this must be text; put it in quotes`,
	},
	{
		"words that are none",
		"bm:\n",
		`bm:
  region: "ap beijing"
  array_key: instances
  signature: HmacMD5
`,
		`c.yaml:7: bm.region: this is no region; write one such as ap-beijing, or remove the key
c.yaml:8: bm.array_key: this must be instanceId or instanceIds
c.yaml:9: bm.signature: this must be HmacSHA256 or HmacSHA1`,
	},
	{
		"runs with the key for reads",
		"{id: ref+env://RUN_ID, secret: ref+env://RUN_SECRET}",
		"{id: ref+env://READ_ID, secret: ref+env://READ_SECRET}",
		`c.yaml:8: bm.run_key.id: this is the same reference as in read_key; make a second key that may run scripts, and let the first only read
c.yaml:8: bm.run_key.secret: this is the same reference as in read_key; make a second key that may run scripts, and let the first only read`,
	},
	{
		"a key's halves are the same",
		"secret: ref+env://RUN_SECRET",
		"secret: ref+env://RUN_ID",
		`c.yaml:8: bm.run_key.secret: this is the same reference as id; they are two values, SecretId and SecretKey`,
	},
	{
		"times that are too long",
		"bm:\n",
		`run: {dispatch_within: 2h, lease: 2h, follow_for: 25h, search_for: 25h}
bm:
  timeout: 6m
  run_timeout: 6m
`,
		`c.yaml:6: run.dispatch_within: this is too long; write at most 1h, since an approval is for now and later somebody presses Run
c.yaml:6: run.lease: this is too long; write at most 1h, since until then nobody looks after a run whose worker died
c.yaml:6: run.follow_for: this is too long; write at most 24h, since until then nobody is told that a run does not end
c.yaml:6: run.search_for: this is too long; write at most 24h, since until then nobody is asked whether a run ran
c.yaml:8: bm.timeout: this is too long; write at most 5m
c.yaml:9: bm.run_timeout: this is too long; write at most 5m`,
	},
	{
		"a search that is over before it begins",
		"bm:\n",
		"run: {search_for: 999ms}\nbm:\n",
		`c.yaml:6: run.search_for: this is too short; write at least 1s`,
	},
	{
		"a durability that there is not, and fewer replicas than none",
		`["127.0.0.1:6379"]`,
		`["127.0.0.1:6379"]` + "\n  durability: soft\n  replicas: -1",
		`c.yaml:6: redis.durability: this must be strong or weak
c.yaml:7: redis.replicas: this must be 0 or more`,
	},
	{
		"a lease as long as a send",
		"bm:\n",
		`run: {lease: 30s}
bm:
`,
		`c.yaml:6: run.lease: this must be at least 10s longer than bm.run_timeout, so that nobody takes a run over that is still being sent`,
	},
	{
		"a broken timeout is not also compared",
		"bm:\n",
		`run: {lease: 30s}
bm:
  run_timeout: 1d
`,
		`c.yaml:8: bm.run_timeout: this is not a duration; write a number with s, m or h, such as 30s, 2m or 720h (30 days)`,
	},
	{
		"history that goes before its request",
		"slack:\n",
		`keep: {requests: 24h, events: 12h, outputs: 10m}
slack:
`,
		`c.yaml:1: keep.outputs: this is too short; write at least 1h, so that outputs outlast a while without Slack
c.yaml:1: keep.requests: this is too short; write at least 48h, so that no open request is lost`,
	},
	{
		"events that go before their request",
		"slack:\n",
		`keep: {requests: 96h, events: 48h}
slack:
`,
		`c.yaml:1: keep.events: this must not be shorter than keep.requests; history outlives the request`,
	},
	{
		"no bot that calls",
		"slack:\n",
		`bots: 0
slack:
`,
		`c.yaml:1: bots: this must be 1 to 10: how many bots share the account's quotas, which of 3.0 are ten calls a second`,
	},
	{
		"more bots than there are calls in a second",
		"slack:\n",
		`bots: 11
slack:
`,
		`c.yaml:1: bots: this must be 1 to 10: how many bots share the account's quotas, which of 3.0 are ten calls a second`,
	},
	{
		"half a bot",
		"slack:\n",
		`bots: 1.5
slack:
`,
		`c.yaml:1: bots: this must be a whole number such as 1, without quotes`,
	},
	{
		"limits that let nobody do anything",
		"slack:\n",
		`limits: {open_requests: 0, commands_a_minute: -1}
slack:
`,
		`c.yaml:1: limits.open_requests: this must be 1 or more, or nobody could ask for a run
c.yaml:1: limits.commands_a_minute: this must be 1 or more, or nobody could ask for anything`,
	},
	{
		"a login's fields",
		`  - name: web-root
    hosts: ["ins-*"]
    user: root`,
		`  - name: web root
    hosts: [ins-1 ins-2, "a,b", "[", ""]
    user: the root`,
		`c.yaml:10: logins.name: this is no name for a login; use up to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit
c.yaml:11: logins.hosts item 1: no id matches this pattern: a blank at character 6 stands in no id; write one pattern an item
c.yaml:11: logins.hosts item 2: no id matches this pattern: , at character 2 stands in no id; write one pattern an item
c.yaml:11: logins.hosts item 3: this is not a pattern: use * ? and [a-z], one pattern an item
c.yaml:11: logins.hosts item 4: this names no host; write a pattern over ids with * ? and [a-z], or tags, or names
c.yaml:12: logins.user: this is no user name; write it without spaces, such as root`,
	},
	{
		"a login without hosts",
		`["ins-*"]`,
		"[]",
		`c.yaml:11: logins.hosts: the list is empty, so the login would never be used; write patterns such as cpm-* or ins-*`,
	},
	{
		"a login without anything",
		"rules:\n",
		`  - {}
rules:
`,
		`c.yaml:14: logins.name: this is missing; give the login a name; cards show it instead of the password
c.yaml:14: logins.hosts: this is missing; write the hosts it is for, such as ["cpm-*", "ins-*"]
c.yaml:14: logins.user: this is missing; write the user name on the hosts, such as root
c.yaml:14: logins.password: this is missing; write a reference to the user's password`,
	},
	{
		"no logins",
		`logins:
  - name: web-root
    hosts: ["ins-*"]
    user: root
    password: ref+env://WEB_ROOT`,
		"logins: []",
		`c.yaml:9: logins: the list is empty; say how hosts are entered`,
	},
	{
		"two logins of one name",
		"rules:\n",
		`  - {name: web-root, hosts: [cpm-1], user: root, password: ref+env://X}
rules:
`,
		`c.yaml:14: logins.name: an earlier login has this name; give it another`,
	},
	{
		"a login after a wider one",
		"rules:\n",
		`  - {name: db, hosts: ["ins-db-*", ins-7], user: root, password: ref+env://X}
rules:
`,
		`c.yaml:14: logins.hosts: no host ever gets this login, since earlier logins take all of its hosts; put the narrower login first`,
	},
	{
		"no rules",
		`rules:
  - name: restart-web
    scripts: [cmd-nozcbhuw]
    ask: anyone
    approve: {users: [U0BOB, U0CAROL]}`,
		"rules: []",
		`c.yaml:14: rules: there are no rules: nobody could run anything`,
	},
	{
		"a rule that says nothing",
		"    approve: {users: [U0BOB, U0CAROL]}",
		"    approve: {users: [U0BOB, U0CAROL]}\n  - {}",
		`c.yaml:19: rules item 2: it has no name
c.yaml:19: rules.approve: it names nobody; name users or groups
c.yaml:19: rules.ask: it names nobody; name users or groups, or say anyone`,
	},
	{
		"text for a rule",
		`  - name: restart-web
    scripts: [cmd-nozcbhuw]
    ask: anyone
    approve: {users: [U0BOB, U0CAROL]}`,
		"  - hunter2",
		`c.yaml:15: rules item 1: this must be keys with values; the keys are name, scripts, hosts, channels, requesters, parameters, show, ask, approve, quorum, lifetime`,
	},
	{
		"anyone may not approve",
		"{users: [U0BOB, U0CAROL]}",
		"anyone",
		`c.yaml:18: rules.approve: anyone is not allowed; name users or groups`,
	},
	{
		"everyone is no word",
		"    ask: anyone",
		"    ask: everyone",
		`c.yaml:17: rules.ask: this must say who; write the word anyone, or {users: [U…], groups: [S…]}`,
	},
	{
		"nobody approves",
		"{users: [U0BOB, U0CAROL]}",
		"{users: []}",
		`c.yaml:18: rules.approve: it names nobody; name users or groups`,
	},
	{
		"approve is of a wrong type: said once",
		"{users: [U0BOB, U0CAROL]}",
		"[U0BOB]",
		`c.yaml:18: rules.approve: this must say who; write the word anyone, or {users: [U…], groups: [S…]}`,
	},
	{
		"more people than there are, counting each once",
		"{users: [U0BOB, U0CAROL]}",
		"{users: [U0BOB, U0BOB]}\n    quorum: 2",
		`c.yaml:19: rules.quorum: more people than approve names`,
	},
	{
		"none of the requesters may ask",
		"    ask: anyone",
		"    requesters: {users: [U0DAVE]}\n    ask: {users: [U0ALICE]}",
		`c.yaml:18: rules.ask: nobody here is a requester of this rule, so nothing can ever run by it; name somebody in both lists, by the same id`,
	},
	{
		"the only requester is the only approver",
		"    ask: anyone\n    approve: {users: [U0BOB, U0CAROL]}",
		"    requesters: {users: [U0BOB]}\n    ask: anyone\n    approve: {users: [U0BOB, U0BOB]}",
		`c.yaml:19: rules.approve: nothing can ever run by this rule, since nobody who may ask has enough others to approve; name more people`,
	},
	{
		"all who may ask are needed as approvers",
		"    ask: anyone\n    approve: {users: [U0BOB, U0CAROL]}",
		"    ask: {users: [U0BOB, U0CAROL]}\n    quorum: 2\n    approve: {users: [U0BOB, U0CAROL]}",
		`c.yaml:19: rules.approve: nothing can ever run by this rule, since nobody who may ask has enough others to approve; name more people`,
	},
	{
		"more people than there are, and one of them asks: one problem, not two",
		"    ask: anyone\n    approve: {users: [U0BOB, U0CAROL]}",
		"    ask: {users: [U0BOB]}\n    quorum: 2\n    approve: {users: [U0BOB]}",
		`c.yaml:18: rules.quorum: more people than approve names`,
	},
	{
		"a quorum of nobody",
		"    ask: anyone",
		"    quorum: 0\n    ask: anyone",
		`c.yaml:17: rules.quorum: it must be at least 1`,
	},
	{
		"a request that stays open too long",
		"    ask: anyone",
		"    lifetime: 25h\n    ask: anyone",
		`c.yaml:17: rules.lifetime: this is too long; write at most 24h`,
	},
	{
		"two rules of one name",
		"rules:\n",
		`rules:
  - {name: restart-web, scripts: [cmd-1], ask: anyone, approve: {groups: [S0LEADS]}}
`,
		`c.yaml:16: rules item 2: an earlier rule has this name`,
	},
	{
		"a name that is none",
		"name: restart-web",
		`name: "-"`,
		`c.yaml:15: rules.name: this is no name for a rule; use up to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit`,
	},
	{
		"patterns that are none, each at its line",
		"    scripts: [cmd-nozcbhuw]",
		`    scripts:
      - "cmd-["
      - a b
    hosts: [""]`,
		`c.yaml:17: rules.scripts item 1: this is not a pattern: use * ? and [a-z], one pattern an item
c.yaml:18: rules.scripts item 2: no id matches this pattern: a blank at character 2 stands in no id; write one pattern an item
c.yaml:19: rules.hosts item 1: this names no host; write a pattern over ids with * ? and [a-z], or tags, or names`,
	},
	{
		"patterns that no id matches: a weaker rule would take their hosts",
		"    scripts: [cmd-nozcbhuw]",
		`    scripts: [restart]
    hosts:
      - "ins\u2011db\u2011*"
      - "“ins-db-*”"
      - "^ins-db-"
      - "ins-db-{1..3}"
      - ins-db-1;ins-db-2
      - ins-db-*/
      - ins-db-%
      - .*
      - ins-DB*
      - cmd-*`,
		`c.yaml:16: rules.scripts item 1: no id matches this pattern: it begins with cmd-, and has small letters, digits and - only; write the whole id, or a * where it goes on
c.yaml:18: rules.hosts item 1: no id matches this pattern: ‑ (U+2011) at character 4 stands in no id; write a plain -
c.yaml:19: rules.hosts item 2: no id matches this pattern: “ (U+201C) at character 1 stands in no id; remove the quotes inside the quotes
c.yaml:20: rules.hosts item 3: no id matches this pattern: ^ at character 1 stands in no id; this is not a regular expression: it is for the whole id, and * stands for any characters
c.yaml:21: rules.hosts item 4: no id matches this pattern: { at character 8 stands in no id; write one pattern an item, or [1-3] for one character of several
c.yaml:22: rules.hosts item 5: no id matches this pattern: ; at character 9 stands in no id; write one pattern an item
c.yaml:23: rules.hosts item 6: no id matches this pattern: / at character 9 stands in no id; it has small letters, digits and - only, and neither begins nor ends with -
c.yaml:24: rules.hosts item 7: no id matches this pattern: % at character 8 stands in no id; * stands for any characters, ? for one
c.yaml:25: rules.hosts item 8: no id matches this pattern: . at character 1 stands in no id; this is not a regular expression: it is for the whole id, and * stands for any characters
c.yaml:26: rules.hosts item 9: no id matches this pattern: D at character 5 stands in no id; ids have small letters only
c.yaml:27: rules.hosts item 10: no id matches this pattern: it has small letters, digits and - only, and neither begins nor ends with -; scripts belong under scripts`,
	},
	{
		"an empty criterion would match everything",
		"    scripts: [cmd-nozcbhuw]",
		`    scripts: []
    hosts: []
    channels: []
    requesters: {}`,
		`c.yaml:16: rules.scripts: an empty list would match everything; remove the key if that is meant
c.yaml:17: rules.hosts: an empty list would match everything; remove the key if that is meant
c.yaml:18: rules.channels: an empty list would match everything; remove the key if that is meant
c.yaml:19: rules.requesters: this names nobody, and would match everybody; name users or groups, or remove the key`,
	},
	{
		"handles and names",
		"{users: [U0BOB, U0CAROL]}",
		`{users: ["@bob", carol], groups: [oncall]}
    channels: ["#ops", general]`,
		`c.yaml:18: rules.approve.users item 1: names and handles are not taken, since they can change hands; write a person's id (U… or W…): in Slack, open the person's profile, then ⋮ and Copy member ID
c.yaml:18: rules.approve.users item 2: names and handles are not taken, since they can change hands; write a person's id (U… or W…): in Slack, open the person's profile, then ⋮ and Copy member ID
c.yaml:18: rules.approve.groups item 1: names and handles are not taken, since they can change hands; write a user group's id (S…): Slack's method usergroups.list shows it beside the group's handle
c.yaml:19: rules.channels item 1: names and handles are not taken, since they can change hands; write a channel's id (C… or G…): in Slack, press the channel's name and look at the end of About
c.yaml:19: rules.channels item 2: names and handles are not taken, since they can change hands; write a channel's id (C… or G…): in Slack, press the channel's name and look at the end of About`,
	},
	{
		"ids of another kind",
		"{users: [U0BOB, U0CAROL]}",
		`{users: [S0LEADS, C0OPS, "123"], groups: [U0BOB, S]}
    channels: [D0BOB, U0BOB, S0LEADS]`,
		`c.yaml:18: rules.approve.users item 1: this is a user group's id; a person's id (U… or W…) is meant here, groups belong under groups
c.yaml:18: rules.approve.users item 2: this is a channel's id; a person's id (U… or W…) is meant here, channels belong under channels
c.yaml:18: rules.approve.users item 3: this is not a person's id (U… or W…); in Slack, open the person's profile, then ⋮ and Copy member ID
c.yaml:18: rules.approve.groups item 1: this is a person's id; a user group's id (S…) is meant here, people belong under users
c.yaml:18: rules.approve.groups item 2: this is not a user group's id (S…); Slack's method usergroups.list shows it beside the group's handle
c.yaml:19: rules.channels item 1: this is a direct message; a channel's id (C… or G…) is meant here
c.yaml:19: rules.channels item 2: this is a person's id; a channel's id (C… or G…) is meant here, people belong under users
c.yaml:19: rules.channels item 3: this is a user group's id; a channel's id (C… or G…) is meant here, groups belong under groups`,
	},
	{
		"a rule after one that takes everything",
		"rules:\n",
		`rules:
  - {name: all, ask: anyone, approve: {groups: [S0LEADS]}}
`,
		`c.yaml:16: rules item 2: no request ever meets this rule, since the rule on line 15 takes all that it matches; put the narrower rule first`,
	},
	{
		"a rule after one with a wider pattern",
		"    scripts: [cmd-nozcbhuw]",
		`    scripts: ["cmd-*"]
    ask: anyone
    approve: {groups: [S0LEADS]}
  - name: narrow
    scripts: [cmd-nozcbhuw, "cmd-a?"]
    requesters: {users: [U0BOB]}`,
		`c.yaml:19: rules item 2: no request ever meets this rule, since the rule on line 15 takes all that it matches; put the narrower rule first`,
	},
	{
		"a strict rule after a weak one that is spelled with two stars",
		"rules:\n",
		`rules:
  - {name: weak, hosts: ["ins-**"], ask: anyone, approve: {groups: [S0LEADS]}}
  - {name: strict, hosts: ["ins-db-[12]"], ask: anyone, approve: {groups: [S0LEADS]}, quorum: 2}
`,
		`c.yaml:16: rules item 2: no request ever meets this rule, since the rule on line 15 takes all that it matches; put the narrower rule first`,
	},
	{
		"a rule after one for more people",
		"rules:\n",
		`rules:
  - {name: first, scripts: ["*"], requesters: {users: [U0BOB], groups: [S0LEADS]}, ask: anyone, approve: {groups: [S0LEADS]}}
  - {name: second, requesters: {users: [U0BOB]}, ask: anyone, approve: {groups: [S0LEADS]}}
`,
		`c.yaml:16: rules item 2: no request ever meets this rule, since the rule on line 15 takes all that it matches; put the narrower rule first`,
	},
	{
		"a rule of which no host can be entered",
		"    scripts: [cmd-nozcbhuw]",
		"    scripts: [cmd-nozcbhuw]\n    hosts: [\"cpm-*\"]",
		`c.yaml:17: rules.hosts: no login is for any of these hosts, so nothing can ever run by this rule; add them to a login's hosts`,
	},
	{
		"a rule for hosts by their names, written as ids",
		"    scripts: [cmd-nozcbhuw]",
		"    scripts: [cmd-nozcbhuw]\n    hosts: [\"cpm-*\", \"web-*\"]",
		`c.yaml:17: rules.hosts: no login is for any of these hosts, so nothing can ever run by this rule; add them to a login's hosts; names of machines are written {names: ["web-*"]}`,
	},
	{
		"a rule whose criteria are broken is not compared",
		"rules:\n",
		`rules:
  - {name: first, scripts: cmd-1, ask: anyone, approve: {groups: [S0LEADS]}}
`,
		`c.yaml:15: rules.scripts: this must be a list; write it in [ ] or as lines that begin with -`,
	},
	{
		"an escape in double quotes",
		"user: root",
		`user: "DOM\Admin"`,
		`c.yaml:12: a \ has a meaning of its own in double quotes; use single quotes`,
	},
	{
		"a level without a value",
		"slack:\n",
		`log: {level: }
slack:
`,
		`c.yaml:1: log.level: this must be debug, info, warn or error`,
	},
	{
		"a criterion without a value",
		"    scripts: [cmd-nozcbhuw]",
		"    scripts:\n    requesters:",
		`c.yaml:16: rules.scripts: this must be a list; write it in [ ] or as lines that begin with -
c.yaml:17: rules.requesters: this must say who; write the word anyone, or {users: [U…], groups: [S…]}`,
	},
	{
		"TAT without a region, with what only 2.0 has, and with a password",
		"bm:\n",
		"bm:\n  api: tat\n  array_key: instanceId\n  endpoint: https://bm.tencentcloudapi.com\n",
		`c.yaml:6: bm.region: this is missing, and TAT needs it; write one such as ap-beijing
c.yaml:8: bm.array_key: this is for API 2.0 only; remove the key
c.yaml:9: bm.endpoint: this is where another API answers; remove the key
c.yaml:16: logins.password: TAT needs no password on hosts; remove the key`,
	},
	{
		"regions that are Bare Metal's short ones, and endpoints of others",
		"bm:\n",
		"bm:\n  api: tat\n  region: bj\n  endpoint: https://bm.api.qcloud.com/v2/index.php\n",
		`c.yaml:8: bm.region: this is not a region as the cloud writes it; write one such as ap-beijing
c.yaml:9: bm.endpoint: this is where API 2.0 answers; remove the key
c.yaml:16: logins.password: TAT needs no password on hosts; remove the key`,
	},
	{
		"what becomes of hosts that cannot be looked up",
		"bm:\n",
		"bm:\n  unchecked_hosts: always\n",
		`c.yaml:7: bm.unchecked_hosts: this must be wait or allow`,
	},
	{
		"a login of Bare Metal with what only TAT has",
		"    password: ref+env://WEB_ROOT\n",
		"    region: ap-shanghai\n    run_key: {id: ref+env://A, secret: ref+env://B}\n",
		`c.yaml:10: logins.password: this is missing; write a reference to the user's password
c.yaml:13: logins.region: this is for api: tat only; remove the key
c.yaml:14: logins.run_key: this is for api: tat only; remove the key`,
	},
	{
		"hosts by nothing, which would be every host",
		`["ins-*"]`,
		"[{}, {tags: {}}, {names: []}, {tags: {}, names: [a]}, {tags: {env: prod}, names: []}, {tags: {env: []}}, {tags: {\"\": x}}, {names: [\"*\"]}]",
		`c.yaml:11: logins.hosts.tags: a tag's key must be text, in quotes if it looks like something else, and stand there once
c.yaml:11: logins.hosts item 1: this names no host; write a pattern over ids with * ? and [a-z], or tags, or names
c.yaml:11: logins.hosts item 2: tags or names is empty, and would fit every host; remove the key, or write what is meant
c.yaml:11: logins.hosts item 3: tags or names is empty, and would fit every host; remove the key, or write what is meant
c.yaml:11: logins.hosts item 4: tags or names is empty, and would fit every host; remove the key, or write what is meant
c.yaml:11: logins.hosts item 5: tags or names is empty, and would fit every host; remove the key, or write what is meant
c.yaml:11: logins.hosts item 6: tags: a key or a value is empty; write them like {env: prod}
c.yaml:11: logins.hosts item 8: names: a * alone fits every host; write what is meant, or the item "*" for all hosts`,
	},
	{
		"tags and names that are not written as such",
		`["ins-*"]`,
		"[{tags: [env]}, {tags: {env: yes, on: 1}}, {tags: {a: b, a: c}}, {tags: {1: b}}, {names: web}, {names: [\"[\"]}, {id: ins-1}, {tag: {a: b}}, {hunter2: x}]",
		`c.yaml:11: logins.hosts.tags: this must be keys with values, such as {env: prod, role: [web, api]}
c.yaml:11: logins.hosts.tags item 2: this must be text; put it in quotes
c.yaml:11: logins.hosts.tags: a tag's key must be text, in quotes if it looks like something else, and stand there once
c.yaml:11: logins.hosts.tags: a tag's key must be text, in quotes if it looks like something else, and stand there once
c.yaml:11: logins.hosts.names: this must be a list; write it in [ ] or as lines that begin with -
c.yaml:11: logins.hosts item 7: there is no key "id" here; it belongs under bm.read_key or under bm.run_key or under logins.run_key
c.yaml:11: logins.hosts item 8: there is no key "tag"; did you mean tags?
c.yaml:11: logins.hosts item 9: there is no such key; the keys here are tags, names
c.yaml:11: logins.hosts item 6: names: this is not a pattern: use * ? and [a-z], one pattern an item`,
	},
	{
		"a secret where a tag's key is meant",
		`["ins-*"]`,
		"{tags: {hunter2: {hunter2: hunter2}}}",
		`c.yaml:11: logins.hosts.tags item 1: this must be one text, not a list or keys`,
	},
	{
		"one mapping alone, of nothing",
		`["ins-*"]`,
		"{}",
		`c.yaml:11: logins.hosts: this names no host; write a pattern over ids with * ? and [a-z], or tags, or names`,
	},
	{
		"parameters that could never be filled in",
		"    ask: anyone\n",
		`    parameters:
      - {name: a b, example: x}
      - {name: b}
      - {name: c, example: -x}
      - {name: d, example: x, choices: []}
      - {name: e, example: x, choices: [x, ""]}
      - {name: f, example: x, choices: [x], match: x}
      - {name: g, example: x, match: '('}
      - {name: h, example: x, match: ''}
      - {name: i, example: xy, match: 'x'}
      - {name: j, example: a b, choices: [a b]}
      - {name: k, example: x}
      - {name: k, example: x}
      - {name: l, example: x, default: y}
    ask: anyone
`,
		`c.yaml:18: rules.parameters.name: use up to 64 letters, digits, - and _
c.yaml:19: rules.parameters.example: this is missing; write a value that is right, for people to see
c.yaml:20: rules.parameters.example: this is not a value that the parameter takes; write one
c.yaml:21: rules.parameters.choices: the list is empty, so nothing could be filled in; write some, or remove the key
c.yaml:22: rules.parameters.choices: one is empty or holds a character that cannot be seen
c.yaml:23: rules.parameters item 6: choices and match are two ways to say the same; keep one
c.yaml:24: rules.parameters.match: this is not a regular expression
c.yaml:25: rules.parameters.match: the expression is empty; write one, or remove the key
c.yaml:26: rules.parameters.example: this is not a value that the parameter takes; write one
c.yaml:27: rules.parameters item 10: a value here holds a blank, and on Bare Metal each parameter is one word; write one without
c.yaml:29: rules.parameters.name: an earlier parameter has this name; give it another
c.yaml:30: rules.parameters item 13: there is no such key; the keys here are name, example, choices, match`,
	},
	{
		"parameters of nothing would be anything",
		"    ask: anyone\n",
		"    parameters: []\n    ask: anyone\n",
		`c.yaml:17: rules.parameters: the list is empty; write what may be filled in, or remove the key`,
	},
	{
		"a strict rule after one with fewer tags",
		"rules:\n",
		`rules:
  - {name: weak, hosts: {tags: {env: [prod, dev]}}, ask: anyone, approve: {groups: [S0LEADS]}}
  - {name: strict, hosts: [{tags: {env: prod, role: db}, names: ["db-*"]}], ask: anyone, approve: {groups: [S0LEADS]}, quorum: 2}
`,
		`c.yaml:16: rules item 2: no request ever meets this rule, since the rule on line 15 takes all that it matches; put the narrower rule first`,
	},
	{
		"a login after one that takes all by tags",
		"  - name: web-root\n",
		"  - {name: first, hosts: {names: [\"web-*\"]}, user: root, password: ref+env://A}\n  - {name: second, hosts: [{tags: {env: prod}, names: [\"web-*\"]}], user: root, password: ref+env://A}\n  - name: web-root\n",
		`c.yaml:11: logins.hosts: no host ever gets this login, since earlier logins take all of its hosts; put the narrower login first`,
	},
}

func TestErrors(t *testing.T) {
	for _, tc := range wrong {
		_, err := Parse("c.yaml", []byte(edit(t, tc.old, tc.replacement)))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(strings.Split(tc.want, "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("%s:\n%s", tc.why, diff)
		}
	}
}
