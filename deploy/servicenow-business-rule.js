// Business rule that tells Stanch of a changed record (docs/tickets.md).
// When: async, after insert and update. Condition: current.correlation_display == 'stanch'.
// System properties: stanch.callback_url  https://YOUR-STANCH/v1/tickets/servicenow
//                    stanch.callback_secret  (type password2) the value of callback_secret, without a whsec_ prefix
(function executeRule(current) {
  var body = JSON.stringify({
    table: String(current.getTableName()),
    sys_id: String(current.getUniqueValue()),
    number: String(current.getValue('number')),
    sys_updated_by: String(current.getValue('sys_updated_by'))
  });
  var id = 'msg_' + gs.generateGUID();
  var stamp = String(Math.floor(new GlideDateTime().getNumericValue() / 1000));
  var secret = gs.getProperty('stanch.callback_secret');
  var mac = new GlideCertificateEncryption().generateMac(
    GlideStringUtil.base64Encode(secret), 'HmacSHA256', id + '.' + stamp + '.' + body
  );
  var call = new sn_ws.RESTMessageV2();
  call.setEndpoint(gs.getProperty('stanch.callback_url'));
  call.setHttpMethod('post');
  call.setRequestHeader('Content-Type', 'application/json');
  call.setRequestHeader('webhook-id', id);
  call.setRequestHeader('webhook-timestamp', stamp);
  call.setRequestHeader('webhook-signature', 'v1,' + mac);
  call.setRequestBody(body);
  call.setHttpTimeout(5000);
  var answer = call.execute();
  if (answer.getStatusCode() != 200) {
    gs.warn('Stanch answered ' + answer.getStatusCode() + ' for ' + current.getValue('number'));
  }
})(current);
