"""What a visitor gets."""

import concurrent.futures
import hashlib
import http.client
import socket
import threading

from ministack.core.responses import request_scope
from ministack.services import alb

from emulator.fidelity.elbv2 import targets
from support import BALANCER, LISTENER, REGION, SitesTestCase

OTHER_ACCOUNT = "210987654321"


def page(title):
    return f"<h1>{title}</h1>"


class Sites(SitesTestCase):
    def test_the_host_decides_who_answers(self):
        self.serve(lambda request: request.reply(body=b"a"), host="a.example")
        self.serve(lambda request: request.reply(body=b"b"), host="*.b.example")
        self.assertEqual(self.visit("A.example").text, "a")
        self.assertEqual(self.visit("a.example:8443").text, "a")
        self.assertEqual(self.visit("any.b.example").text, "b")
        alb._listeners[LISTENER]["DefaultActions"] = [
            {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "no such tenant"}}
        ]
        nobody = self.visit("c.example")
        self.assertEqual((nobody.status, nobody.text), (404, "no such tenant"))

    def test_the_first_listener_that_has_a_rule_answers(self):
        alb._listeners[LISTENER]["DefaultActions"] = [
            {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
        ]
        second = self.listener("2", "another")
        alb._listeners[second].update(Protocol="HTTPS")
        condition = {"Conditions.member.1.Field": "host-header", "Conditions.member.1.Values.member.1": "b.example"}
        action = {"Actions.member.1.Type": "fixed-response", "Actions.member.1.FixedResponseConfig.StatusCode": "218"}
        self.assertEqual(self.call("CreateRule", ListenerArn=second, Priority="1", **condition, **action)[0], 200)
        self.assertEqual(self.visit("b.example").status, 218)
        self.assertEqual(self.visit("c.example").status, 404)

    def test_accounts_do_not_see_each_other(self):
        self.serve()
        self.assertEqual(self.visit().status, 200)
        self.assertEqual(self.visit(account=OTHER_ACCOUNT).status, 503)
        with request_scope(OTHER_ACCOUNT, REGION):
            self.listener("2")
            action = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "218"}}
            alb._listeners[LISTENER].update(Protocol="HTTPS", DefaultActions=[action])
        self.assertEqual(self.visit(account=OTHER_ACCOUNT).status, 218)

    def test_a_suspended_tenant_has_a_page_of_its_own(self):
        _, group = self.serve()
        rule = next(each["RuleArn"] for each in alb._rules.values() if each["Actions"][0]["TargetGroupArn"] == group)
        config = {"StatusCode": "503", "ContentType": "text/html", "MessageBody": "<p>suspended</p>"}
        fields = {f"Actions.member.1.FixedResponseConfig.{name}": value for name, value in config.items()}
        self.call("ModifyRule", RuleArn=rule, **{"Actions.member.1.Type": "fixed-response"}, **fields)
        answer = self.visit()
        self.assertEqual((answer.status, answer.text), (503, "<p>suspended</p>"))
        self.assertEqual(answer.getheader("Content-Type"), "text/html; charset=utf-8")
        self.assertEqual(answer.getheader("Server"), "awselb/2.0")

    def redirect(self, **config):
        alb._listeners[LISTENER]["DefaultActions"] = [{"Type": "redirect", "RedirectConfig": config}]
        answer = self.visit("old.example", "/a%20b/c?x=1&y")
        return answer.status, answer.getheader("Location")

    def test_a_redirect_keeps_what_it_does_not_name(self):
        kept = self.redirect(StatusCode="HTTP_301", Host="new.example")
        self.assertEqual(kept, (301, "https://new.example:443/a%20b/c?x=1&y"))
        placeholders = self.redirect(
            StatusCode="HTTP_302",
            Protocol="#{protocol}",
            Host="www.#{host}",
            Port="8#{port}",
            Path="/#{host}/#{port}/#{path}",
            Query="#{query}&from=#{path}",
        )
        location = "https://www.old.example:8443/old.example/443/a%20b/c?x=1&y&from=a%20b/c"
        self.assertEqual(placeholders, (302, location))

    def test_weights_decide_between_target_groups(self):
        arns = []
        for name in (b"first", b"second", b"never"):
            group = self.group(name.decode())
            self.serve(lambda request, name=name: request.reply(body=name), group=group)
            arns.append(group)
        condition = {"Conditions.member.1.Field": "path-pattern", "Conditions.member.1.Values.member.1": "/*"}
        action = {"Actions.member.1.Type": "forward"}
        for number, (arn, weight) in enumerate(zip(arns, (3, 1, 0), strict=True), 1):
            member = f"Actions.member.1.ForwardConfig.TargetGroups.member.{number}"
            action |= {f"{member}.TargetGroupArn": arn, f"{member}.Weight": str(weight)}
        status, body = self.call("CreateRule", ListenerArn=LISTENER, Priority="7", **condition, **action)
        self.assertEqual(status, 200, body)
        self.assertEqual(body.count("<Weight>"), 3)
        answers = [self.visit().text for _ in range(60)]
        self.assertEqual(set(answers), {"first", "second"})
        self.assertGreater(answers.count("first"), answers.count("second"))

    def test_healthy_targets_take_turns(self):
        group = self.group_of_rule()
        for name in (b"1", b"2", b"3"):
            server, _ = self.serve(lambda request, name=name: request.reply(body=name), group)
            self.become(group, server, "healthy", None)
        self.assertEqual(sorted(self.visit().text for _ in range(6)), ["1", "1", "2", "2", "3", "3"])

    def test_without_a_healthy_target_all_get_requests(self):
        server, group = self.serve(lambda request: request.reply(500, b"broken"))
        self.become(group, server, "unhealthy", "Target.ResponseCodeMismatch")
        answer = self.visit()
        self.assertEqual((answer.status, answer.text), (500, "broken"))

    def test_an_unhealthy_target_gets_no_requests(self):
        healthy, group = self.serve(lambda request: request.reply(body=b"healthy"))
        broken, _ = self.serve(lambda request: request.reply(500), group)
        self.become(group, healthy, "healthy", None)
        self.become(group, broken, "unhealthy", "Target.ResponseCodeMismatch")
        self.assertEqual({self.visit().text for _ in range(6)}, {"healthy"})

    def test_without_a_target_the_service_is_unavailable(self):
        self.group_of_rule()
        answer = self.visit()
        self.assertEqual(answer.status, 503)
        self.assertIn(page("503 Service Temporarily Unavailable"), answer.text)
        self.assertEqual(answer.getheader("Content-Type"), "text/html")
        self.assertEqual(answer.getheader("Server"), "awselb/2.0")

    def test_a_target_that_refuses_or_breaks_off_is_a_bad_gateway(self):
        server, group = self.serve(lambda request: request.connection.close())
        answer = self.visit()
        self.assertEqual(answer.status, 502)
        self.assertIn(page("502 Bad Gateway"), answer.text)
        server.stop()
        self.become(group, server, "unhealthy", "Target.FailedHealthChecks")
        self.assertEqual(self.visit().status, 502)

    def test_a_record_is_never_connected_to(self):
        group = self.group_of_rule()
        self.call("RegisterTargets", TargetGroupArn=group, **{"Targets.member.1.Id": "10.0.0.1"})
        self.assertEqual(self.visit().status, 502)

    def test_a_target_that_does_not_answer_is_a_gateway_timeout(self):
        alb._lb_attrs[BALANCER] = [{"Key": "idle_timeout.timeout_seconds", "Value": "0.2"}]
        answering = threading.Event()
        self.addCleanup(answering.set)
        self.serve(lambda _: answering.wait(10))
        answer = self.visit()
        self.assertEqual(answer.status, 504)
        self.assertIn(page("504 Gateway Time-out"), answer.text)

    def test_a_visitor_who_stops_sending_is_told_so(self):
        alb._lb_attrs[BALANCER] = [{"Key": "idle_timeout.timeout_seconds", "Value": "0.2"}]
        self.serve(lambda request: request.rfile.read(2))
        connection = self.connect()
        connection.putrequest("POST", "/", skip_host=True)
        for name, value in (("Host", "a.example"), ("Content-Length", "2")):
            connection.putheader(name, value)
        connection.endheaders(b"1")
        self.assertEqual(connection.getresponse().status, 408)

    def test_a_visitor_who_does_not_read_is_cut_off(self):
        alb._lb_attrs[BALANCER] = [{"Key": "idle_timeout.timeout_seconds", "Value": "0.2"}]
        # Neither end can keep that much.
        body = bytes(50_000_000)
        server, group = self.serve(
            lambda request: request.reply(body=b"" if request.path == "/health" else body), HealthCheckPath="/health"
        )
        connection = self.connect()
        connection.request("GET", "/", headers={"Host": "a.example"})
        self.eventually(lambda: server.visits)
        self.eventually(lambda: targets.find(group, server.address, server.port).requests == 0)
        with self.assertRaises((http.client.IncompleteRead, OSError)):
            connection.getresponse().read()

    def test_a_broken_off_answer_is_seen_as_such(self):
        def break_off(request):
            request.reply(body=b"half", Content_Length=8)
            request.close_connection = True

        self.serve(break_off)
        with self.assertRaises(http.client.IncompleteRead):
            self.visit()

    def test_a_target_sees_who_visits(self):
        server, _ = self.serve()
        self.visit(
            X_Forwarded_For="192.0.2.1", Connection="keep-alive, X-Secret", X_Secret="1", Keep_Alive="1", Te="gzip"
        )
        headers = server.visits[-1].headers
        self.assertEqual(headers["Host"], "a.example")
        self.assertEqual(headers["X-Forwarded-For"], "192.0.2.1, 127.0.0.1")
        self.assertEqual((headers["X-Forwarded-Proto"], headers["X-Forwarded-Port"]), ("https", "443"))
        self.assertRegex(headers["X-Amzn-Trace-Id"], r"^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$")
        self.assertEqual(
            [name for name in ("X-Secret", "Keep-Alive", "Te", "User-Agent", "Accept") if name in headers], []
        )

    def test_a_path_reaches_the_target_as_it_is(self):
        server, _ = self.serve()
        for path in ("/a%2Fb//c/../d?x=%20&y=a+b&z", "//double?", "/?a=1?b"):
            self.visit(path=path)
            self.assertEqual(server.visits[-1].requestline.split()[1], path.rstrip("?"))
        self.visit(path="http://a.example/x?y")
        self.assertEqual(server.visits[-1].path, "/x?y")

    def test_invalid_headers_are_dropped_if_the_load_balancer_says_so(self):
        server, _ = self.serve()
        self.visit(**{"X.Invalid": "1"})
        self.assertIn("X.Invalid", server.visits[-1].headers)
        alb._lb_attrs[BALANCER] = [{"Key": "routing.http.drop_invalid_header_fields.enabled", "Value": "true"}]
        self.visit(**{"X.Invalid": "1"})
        self.assertNotIn("X.Invalid", server.visits[-1].headers)

    def test_an_answer_passes_unchanged(self):
        def answer(request):
            request.send_response_only(302, "Elsewhere")
            for name, value in (("Location", "http://b.example/"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")):
                request.send_header(name, value)
            request.send_header("Content-Encoding", "gzip")
            request.send_header("Content-Length", "6")
            request.end_headers()
            request.wfile.write(b"abcdef")

        self.serve(answer)
        passed = self.visit()
        self.assertEqual((passed.status, passed.reason, passed.text), (302, "Elsewhere", "abcdef"))
        self.assertEqual(passed.headers.get_all("Set-Cookie"), ["a=1", "b=2"])
        self.assertEqual(
            (passed.getheader("Location"), passed.getheader("Content-Encoding")), ("http://b.example/", "gzip")
        )
        self.assertIsNone(passed.getheader("Server"))

    def test_a_head_request_has_no_body(self):
        self.serve(lambda request: request.reply(body=b"12345", Server="Apache"))
        connection = self.connect()
        for _ in range(2):
            connection.request("HEAD", "/", headers={"Host": "a.example"})
            answer = connection.getresponse()
            self.assertEqual((answer.status, answer.read()), (200, b""))
            self.assertEqual((answer.getheader("Content-Length"), answer.getheader("Server")), ("5", "Apache"))

    def test_large_bodies_go_both_ways(self):
        def echo(request):
            remaining = int(request.headers["Content-Length"] or 0)
            request.reply(body=request.rfile.read(remaining))

        self.serve(echo)
        body = hashlib.sha512(b"seed").digest().hex() * 40_000
        connection = self.connect(timeout=60)
        for _ in range(2):
            connection.request("POST", "/", body, {"Host": "a.example"})
            self.assertEqual(connection.getresponse().read().decode(), body)

    def test_a_chunked_upload_stays_chunked(self):
        server, _ = self.serve(lambda request: request.reply(body=request.rfile.read(8)))
        connection = self.connect()
        connection.request("PUT", "/", iter([b"abc"]), {"Host": "a.example"}, encode_chunked=True)
        self.assertEqual(connection.getresponse().read(), b"3\r\nabc\r\n")
        self.assertEqual(server.visits[-1].headers["Transfer-Encoding"], "chunked")

    def test_a_body_is_passed_on_while_it_arrives(self):
        arrived = threading.Event()

        def answer(request):
            request.rfile.read(1)
            arrived.set()
            request.rfile.read(1)
            request.reply(body=b"done")

        self.serve(answer)
        connection = self.connect()
        connection.putrequest("POST", "/", skip_host=True)
        for name, value in (("Host", "a.example"), ("Content-Length", "2")):
            connection.putheader(name, value)
        connection.endheaders(b"1")
        self.assertTrue(arrived.wait(10))
        connection.send(b"2")
        self.assertEqual(connection.getresponse().read(), b"done")

    def test_many_visit_at_once(self):
        everyone = threading.Barrier(50)

        def answer(request):
            if request.path != "/health":
                everyone.wait(20)
            request.reply(body=request.path.encode())

        self.serve(answer, HealthCheckPath="/health")
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            answers = pool.map(lambda number: self.visit(path=f"/{number}").text, range(50))
            self.assertEqual(list(answers), [f"/{number}" for number in range(50)])

    def test_a_visitor_who_leaves_ends_the_request(self):
        begun, end = threading.Event(), threading.Event()
        self.addCleanup(end.set)

        def answer(_request):
            begun.set()
            end.wait(20)

        server, group = self.serve(answer)
        connection = self.connect()
        connection.request("GET", "/", headers={"Host": "a.example"})
        self.assertTrue(begun.wait(10))
        self.eventually(lambda: targets.find(group, server.address, server.port).requests == 1)
        connection.sock.shutdown(socket.SHUT_RDWR)
        connection.close()
        self.eventually(lambda: targets.find(group, server.address, server.port).requests == 0)


class Conditions(SitesTestCase):
    def answers(self, field, config, *requests):
        """Whether each of the requests satisfies a condition."""
        condition = {"Conditions.member.1.Field": field}
        condition |= {f"Conditions.member.1.{name}": value for name, value in config.items()}
        action = {"Actions.member.1.Type": "fixed-response", "Actions.member.1.FixedResponseConfig.StatusCode": "218"}
        status, body = self.call("CreateRule", ListenerArn=LISTENER, Priority="1", **condition, **action)
        self.assertEqual(status, 200, body)
        alb._listeners[LISTENER]["DefaultActions"] = [
            {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
        ]
        return [self.visit(**request).status == 218 for request in requests]

    def test_a_path_is_compared_as_it_is(self):
        paths = ({"path": path} for path in ("/img/a.png", "/IMG/a", "/img", "/x?/img/", "/img/[b]?q"))
        self.assertEqual(self.answers("path-pattern", {"Values.member.1": "/img/*"}, *paths), [1, 0, 0, 0, 1])

    def test_a_question_mark_is_one_character_and_brackets_are_themselves(self):
        paths = ({"path": path} for path in ("/a[1]", "/b[1]", "/a1"))
        self.assertEqual(self.answers("path-pattern", {"Values.member.1": "/?[1]"}, *paths), [1, 1, 0])

    def test_one_pair_of_a_query_is_enough(self):
        value = "QueryStringConfig.Values.member"
        config = {f"{value}.1.Key": "version", f"{value}.1.Value": "v?", f"{value}.2.Value": "*beta*"}
        queries = ({"path": f"/?{query}"} for query in ("VERSION=V1", "x=a%20beta", "version=v10", "a=v1", ""))
        self.assertEqual(self.answers("query-string", config, *queries), [1, 1, 0, 0, 0])
        described = self.call("DescribeRules", ListenerArn=LISTENER)[1]
        self.assertIn(
            "<member><Key>version</Key><Value>v?</Value></member><member><Value>*beta*</Value></member>", described
        )

    def test_a_header_has_one_of_the_values(self):
        config = {"HttpHeaderConfig.HttpHeaderName": "User-Agent", "HttpHeaderConfig.Values.member.1": "*chrome*"}
        visits = {"User_Agent": "a Chrome b"}, {"User_Agent": "Safari"}, {}
        self.assertEqual(self.answers("http-header", config, *visits), [1, 0, 0])

    def test_a_method_is_compared_as_it_is(self):
        config = {"HttpRequestMethodConfig.Values.member.1": "PUT"}
        self.assertEqual(self.answers("http-request-method", config, {"method": "PUT"}, {"method": "GET"}), [1, 0])

    def test_a_visitor_comes_from_a_network(self):
        self.assertEqual(self.answers("source-ip", {"SourceIpConfig.Values.member.1": "127.0.0.0/8"}, {}), [1])

    def test_a_visitor_comes_from_another_network(self):
        self.assertEqual(self.answers("source-ip", {"SourceIpConfig.Values.member.1": "192.0.2.0/24"}, {}), [0])
