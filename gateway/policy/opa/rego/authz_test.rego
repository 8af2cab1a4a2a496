package system.authz_test

import data.system.authz

tokens := {role: crypto.sha256(role) | some role in ["query", "push", "watch"]}

may(token, method, path) if {
	authz.allow with input as {"identity": token, "method": method, "path": path, "params": {}}
		with data.system.authz.tokens as tokens
}

test_each_token_may_do_its_one_thing if {
	may("query", "POST", ["v1", "data", "sekisho", "decision"])
	may("push", "PUT", ["v1", "data", "facts"])
	may("push", "POST", ["v1", "data", "sekisho", "derived"])
	may("watch", "GET", ["health"])
	may("watch", "GET", ["v1", "status"])
}

test_no_token_may_do_anothers if {
	allowed := {[token, method, path] |
		some token in ["query", "push", "watch", "stranger", ""]
		some method in ["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"]
		some path in [
			["v1", "data", "sekisho", "decision"],
			["v1", "data", "sekisho", "derived"],
			["v1", "data", "facts"],
			["health"],
			["v1", "status"],
			["v1", "data"],
			["v1", "data", "facts", "targets"],
			["v1", "data", "system", "authz", "tokens"],
			["v1", "data", "law"],
			["v1", "policies"],
			["v1", "policies", "x"],
			["v1", "query"],
			["v1", "compile"],
			["v1", "config"],
			["v0", "data", "sekisho", "decision"],
			["metrics"],
			[""],
			[],
		]
		may(token, method, path)
	}
	count(allowed) == 5
}

test_parameters_are_refused if {
	not authz.allow with input as {
		"identity": "query",
		"method": "POST",
		"path": ["v1", "data", "sekisho", "decision"],
		"params": {"explain": ["full"]},
	}
		with data.system.authz.tokens as tokens
}

test_without_an_identity_nothing_is_allowed if {
	not authz.allow with input as {"method": "GET", "path": ["health"], "params": {}}
		with data.system.authz.tokens as tokens
}
